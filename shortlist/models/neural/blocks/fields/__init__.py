"""Field blocks: one small file each.

They read float[B, F, D], one vector per field, and give a logit [B], features [B, h], or fields again [B, F, D]. No
block looks at another row, except batch norm while training.
"""
