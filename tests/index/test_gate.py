import threading

from shortlist.index.gate import Gate


def test_readers_share_and_a_writer_is_alone():
    gate, inside, seen = Gate(), set(), []
    meet = threading.Barrier(2, timeout=10)

    def read(name):
        with gate.reading:
            inside.add(name)
            # Both are in at once, or the barrier breaks.
            meet.wait()
            inside.discard(name)

    readers = [threading.Thread(target=read, args=(n,)) for n in "ab"]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert not meet.broken

    def write():
        with gate.writing:
            seen.append(set(inside))

    with gate.reading:
        inside.add("me")
        writer = threading.Thread(target=write)
        writer.start()
        writer.join(timeout=0.1)
        assert writer.is_alive(), "a writer waits for readers"
        inside.discard("me")
    writer.join(timeout=10)
    assert seen == [set()]


def test_an_error_inside_opens_the_gate_again():
    gate = Gate()
    for side in (gate.reading, gate.writing):
        try:
            with side:
                raise ValueError
        except ValueError:
            pass
    with gate.writing:
        pass
