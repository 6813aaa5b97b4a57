"""Files are written completely or not at all, and every error is one clear line."""

from __future__ import annotations

import doctest
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from impasto import files
from impasto.errors import InputError, OutputError


def refusal(caught: pytest.ExceptionInfo[Exception]) -> str:
    """The message, which must be one line."""
    message = str(caught.value)
    assert "\n" not in message
    assert message
    return message


def names(folder: Path) -> list[str]:
    """All that lies in a folder, hidden or not."""
    return sorted(entry.name for entry in folder.iterdir())


def test_atomic_writes_and_replaces(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    for text in ("one", "two"):
        with files.atomic(target) as temporary:
            assert temporary.parent == tmp_path
            assert temporary.name.startswith(".")
            assert str(os.getpid()) in temporary.name
            assert temporary.suffix == ".txt"
            temporary.write_text(text)
            assert not target.exists() or target.read_text() == "one"
        assert target.read_text() == text
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    "fault", [RuntimeError("broken"), KeyboardInterrupt(), OSError(errno.EIO, "bad disk")]
)
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, fault: BaseException) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    expected = OutputError if isinstance(fault, OSError) else type(fault)
    with pytest.raises(expected), files.atomic(target) as temporary:
        temporary.write_bytes(b"half")
        raise fault
    assert names(tmp_path) == ["a.bin"]
    assert target.read_bytes() == b"old"


def test_kill_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    program = (
        "import os, signal, sys\n"
        "from impasto import files\n"
        "with files.atomic(sys.argv[1]) as temporary:\n"
        "    temporary.write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(files.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program, target], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    assert [name for name in names(tmp_path) if not name.startswith(".")] == ["a.bin"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os if call == "fsync" else Path, call, full)
    with pytest.raises(OutputError) as caught, files.atomic(target) as temporary:
        temporary.write_bytes(b"new")
    assert "disk is full" in refusal(caught)
    assert str(target) in refusal(caught)
    monkeypatch.undo()
    assert names(tmp_path) == ["a.bin"]
    assert target.read_bytes() == b"old"


def test_atomic_never_over_another_file(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    with pytest.raises(OutputError, match="--overwrite"), files.atomic(target, overwrite=False) as temporary:
        temporary.write_bytes(b"late")
        target.write_bytes(b"of another run")
    assert target.read_bytes() == b"of another run"
    with pytest.raises(OutputError, match="--overwrite"), files.atomic(target, overwrite=False):
        raise AssertionError("refused before any work")
    assert names(tmp_path) == ["a.bin"]
    target.unlink()
    with files.atomic(target, overwrite=False) as temporary:
        temporary.write_bytes(b"first")
    assert names(tmp_path) == ["a.bin"]


def test_atomic_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    target = tmp_path / "a.bin"
    with files.atomic(target, overwrite=False) as temporary:
        temporary.write_bytes(b"first")
    assert target.read_bytes() == b"first"
    target.unlink()
    with pytest.raises(OutputError, match="--overwrite"), files.atomic(target, overwrite=False) as temporary:
        temporary.write_bytes(b"late")
        target.write_bytes(b"other")
    assert target.read_bytes() == b"other"


def test_atomic_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with files.atomic(tmp_path / "link") as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_longest_name_has_a_temporary(tmp_path: Path) -> None:
    target = tmp_path / ("é" * 120 + ".png")
    with files.atomic(target) as temporary:
        temporary.write_bytes(b"x")
    assert target.read_bytes() == b"x"
    with pytest.raises(OutputError, match="shorter"), files.atomic(tmp_path / ("e" * 300)) as temporary:
        temporary.write_bytes(b"x")
    assert names(tmp_path) == [target.name]


@pytest.mark.parametrize(
    ("place", "words"),
    [("folder", "folder"), ("file/a.png", "not a folder"), ("none/a.png", "no such folder")],
)
def test_atomic_refuses_bad_places(tmp_path: Path, place: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError) as caught, files.atomic(tmp_path / place) as temporary:
        temporary.write_bytes(b"x")
    assert words in refusal(caught)
    assert str(tmp_path / place) in refusal(caught)


def test_devices_are_not_replaced() -> None:
    with pytest.raises(OutputError, match="regular"), files.atomic("/dev/null"):
        raise AssertionError("refused before any work")
    assert not Path("/dev/null").is_file()


def test_check_output_makes_the_folder_and_leaves_no_trace(tmp_path: Path) -> None:
    files.check_output(tmp_path / "a" / "b" / "c.png", overwrite=False)
    assert names(tmp_path / "a" / "b") == []


def test_check_output_refuses(tmp_path: Path) -> None:
    taken = tmp_path / "taken.png"
    taken.write_bytes(b"old")
    with pytest.raises(OutputError, match="--overwrite") as caught:
        files.check_output(taken, overwrite=False)
    assert str(taken) in refusal(caught)
    files.check_output(taken, overwrite=True)
    assert taken.read_bytes() == b"old"
    for place in (tmp_path, taken / "x.png", taken / "y" / "x.png", tmp_path / "a\0b.png"):
        with pytest.raises(OutputError) as caught:
            files.check_output(place, overwrite=True)
        refusal(caught)


def test_check_output_notices_a_read_only_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write anywhere, so the refusal of the system is made here.
    def read_only(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "touch", read_only)
    with pytest.raises(OutputError, match="permission denied: choose another folder"):
        files.check_output(tmp_path / "a.png", overwrite=False)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 3])
def test_sha256(tmp_path: Path, size: int) -> None:
    body = np.random.default_rng(size).bytes(size)
    (tmp_path / "f").write_bytes(body)
    assert files.sha256(tmp_path / "f") == hashlib.sha256(body).hexdigest()
    with pytest.raises(InputError, match="cannot read"):
        files.sha256(tmp_path)


TENSORS = {
    "weight": torch.linspace(-1, 1, 60).reshape(3, 4, 5),
    "half": torch.tensor([1.5, -2], dtype=torch.bfloat16),
    "step": torch.tensor(7),
    "empty": torch.zeros(0, 3),
}


def test_checkpoint_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    shared = TENSORS["weight"]
    tensors = TENSORS | {"same": shared, "part": shared[0], "turned": shared.transpose(0, 2)}
    meta: dict[str, files.JSON] = {
        "name": "Großes \u4e16\u754c",
        "losses": [1.5, None, True],
        "nested": {"a": {"b": 1}},
    }
    files.save_checkpoint(path, tensors | {"array": np.arange(6.0).reshape(2, 3)[:, ::-1]}, meta)
    loaded, told = files.load_checkpoint(path)
    assert told == meta
    assert loaded.pop("array").tolist() == [[2, 1, 0], [5, 4, 3]]
    assert loaded.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert loaded[name].dtype == tensor.dtype
        assert torch.equal(loaded[name], tensor)


def test_checkpoint_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np; from impasto import files\n"
        "files.save_checkpoint(sys.argv[1], {'w': np.arange(4, dtype=np.float32)}, {'a': 1})\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "c")], check=True)
    arrays, meta = files.load_arrays(tmp_path / "c")
    assert arrays["w"].tolist() == [0, 1, 2, 3]
    assert meta == {"a": 1}


def test_checkpoint_of_equal_content_is_the_same_file(tmp_path: Path) -> None:
    files.save_checkpoint(tmp_path / "a", TENSORS, {"x": 1, "y": 2})
    files.save_checkpoint(tmp_path / "b", TENSORS, {"y": 2, "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_every_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    files.save_checkpoint(tmp_path / "c", TENSORS, {"name": "x"})
    whole = (tmp_path / "c").read_bytes()
    for cut in [*range(0, len(whole), 7), len(whole) - 1]:
        (tmp_path / "cut").write_bytes(whole[:cut])
        with pytest.raises(InputError) as caught:
            files.load_checkpoint(tmp_path / "cut")
        assert "damaged" in refusal(caught)


def test_checkpoint_refuses_what_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "c"
    for body in (b"a text", b"\x80\x04pickle", b"\xff" * 64):
        path.write_bytes(body)
        with pytest.raises(InputError, match="not a safetensors file"):
            files.load_checkpoint(path)
    save_file({"w": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="not written by impasto"):
        files.load_checkpoint(path)
    for told in ("not json", "[1]", "{}", '{"version": "x"}', '{"version": 1, "meta": [1]}'):
        save_file({"w": torch.zeros(2)}, path, {"impasto": told})
        with pytest.raises(InputError, match="damaged"):
            files.load_checkpoint(path)
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="no such file"):
            files.load_checkpoint(place)


def test_checkpoint_of_the_future_is_refused(tmp_path: Path) -> None:
    header = {"impasto": json.dumps({"version": files.CHECKPOINT_VERSION + 1, "meta": {}})}
    save_file({"w": torch.zeros(2)}, tmp_path / "c", header)
    with pytest.raises(InputError, match=r"newer impasto.*upgrade impasto"):
        files.load_checkpoint(tmp_path / "c")


def test_checkpoint_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(b"old")
    with pytest.raises(OutputError, match="no such folder"):
        files.save_checkpoint(tmp_path / "none" / "c", TENSORS, {})
    with pytest.raises(OutputError, match="--overwrite"):
        files.save_checkpoint(tmp_path / "c", TENSORS, {}, overwrite=False)
    assert (tmp_path / "c").read_bytes() == b"old"


def test_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(files)
    assert (failed, tried >= 9) == (0, True)
