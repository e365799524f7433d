"""Events in, frozen datasets out: schema, vocabulary, readers, splits, the doctor, downloads, made worlds."""
