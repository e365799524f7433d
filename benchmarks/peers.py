"""The other side of a pair, in a process and an environment of its own.

Peers pin versions that ours does not want, so they live in `.venv-peers` (`make bench` builds it from `peers.txt`;
`SHORTLIST_PEERS` names another Python). A bench gives a script and arrays, and gets arrays with what they took:

    SCRIPT = '''
    from implicit.nearest_neighbours import CosineRecommender
    from worker import csr

    def prepare(given):                        # once, not timed
        return csr(given), given["k"]

    def work(ready):                           # timed; returns arrays by name
        x, k = ready
        model = CosineRecommender(K=k, num_threads=1)
        model.fit(x, show_progress=False)
        return {"data": model.similarity.data}
    '''
    peer = Peer(SCRIPT, **packed(x), k=100)
    answer = peer()                            # answer["data"], answer.cpu_s, answer.wall_s, answer.peak_mb

The process stays between calls, so a peer is as warm as we are; `fresh=True` starts a new one each time, which is what
a measurement of memory needs. `Peer(..., python=sys.executable)` measures ours the same way.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

HERE = Path(__file__).parent
FORCED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_VERBOSE", "OPENBLAS_MAIN_FREE", "GOTOBLAS_MAIN_FREE")
"""Settings of linear algebra that an environment may force; unset for both sides."""
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Linear algebra has one thread on both sides: inside parallel regions more of them only wait for each other."""


class PeersMissing(Exception):
    """There is no environment with the peers."""


@dataclass(frozen=True)
class Answer:
    """What a process found and what that took.

    Attributes:
        arrays: by name; `answer["name"]` is short for `answer.arrays["name"]`.
        cpu_s: CPU seconds of all threads and ended children.
        wall_s: seconds by the clock.
        peak_mb: growth of resident memory at its highest, in MB of 10^6 bytes.
        process_mb: the whole process at its highest.
    """

    arrays: dict[str, np.ndarray]
    cpu_s: float
    wall_s: float
    peak_mb: float
    process_mb: float

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]


class Peer:
    """A script in a process of its own; calling it runs its `work` once.

    Args:
        script: Python text with `work(ready)`; with `prepare(given)` if something comes before the clock starts, and
            `after(ready, result)` if arrays are made after it stops.
        threads: what OpenMP may use; linear algebra always has one.
        fresh: start a new process for each call.
        python: the interpreter; the peers' by default.
        given: arrays, and settings that JSON can carry; `prepare` gets them all, and `threads`, as one dict.
    """

    def __init__(
        self, script: str, *, threads: int = 1, fresh: bool = False, python: str | None = None, **given: Any
    ) -> None:
        self.fresh = fresh
        self.python = python or peers_python()
        self.environment = clean_environment(threads)
        self._path = Path(tempfile.mkdtemp(prefix="bench-"))
        weakref.finalize(self, shutil.rmtree, self._path, ignore_errors=True)
        (self._path / "script.py").write_text(dedent(script))
        arrays = {name: value for name, value in given.items() if isinstance(value, np.ndarray)}
        settings = {"threads": threads, **{name: value for name, value in given.items() if name not in arrays}}
        np.savez(self._path / "given.npz", settings=np.array(json.dumps(settings)), **arrays)
        self._process: subprocess.Popen[str] | None = None

    def __call__(self) -> Answer:
        process = self._started()
        found = self._path / "found.npz"
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{found}\n")
        process.stdin.flush()
        # What a peer prints by itself is no answer.
        for line in process.stdout:
            if line.strip() == "done":
                break
        else:
            raise RuntimeError(f"the peer's process ended with code {process.wait()}; its report stands above")
        with np.load(found) as file:
            arrays = {name: file[name] for name in file.files}
        facts = json.loads(str(arrays.pop("facts")))
        if self.fresh:
            self.close()
        return Answer(arrays, **facts)

    def close(self) -> None:
        """End the process; the next call starts another."""
        if self._process is not None:
            _end(self._process)
            self._process = None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [self.python, str(HERE / "worker.py"), str(self._path / "script.py"), str(self._path / "given.npz")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=self.environment,
                cwd=HERE.parent,
            )
            weakref.finalize(self, _end, self._process)
        return self._process


def packed(x: csr_matrix, name: str = "x") -> dict[str, np.ndarray]:
    """A CSR matrix as arrays to give to a `Peer`, whose script reads it with `worker.csr(given, name)`."""
    return {
        f"{name}_data": x.data,
        f"{name}_indices": x.indices,
        f"{name}_indptr": x.indptr,
        f"{name}_shape": np.array(x.shape),
    }


def peers_python() -> str:
    """The interpreter of the peers' environment.

    Raises:
        PeersMissing: there is none.
    """
    python = os.environ.get("SHORTLIST_PEERS") or str(HERE.parent / ".venv-peers" / "bin" / "python")
    if not Path(python).exists():
        raise PeersMissing("the peers' environment is not there: `make bench` builds it, SHORTLIST_PEERS names one")
    return python


def version(package: str, what: str = "") -> str:
    """What a peer is called in results: its name, its version and what of it is used."""
    ask = f"import importlib.metadata as m; print(m.version({package!r}))"
    found = subprocess.run([peers_python(), "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
    return f"{package} {found} {what}".strip()


def clean_environment(threads: int = 1) -> dict[str, str]:
    """The environment variables both sides run under."""
    out = {name: value for name, value in os.environ.items() if name not in FORCED}
    out.update(dict.fromkeys(ONE_THREAD, "1"))
    out["OMP_NUM_THREADS"] = str(threads)
    out["PYTHONPATH"] = str(HERE.parent)
    return out


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
