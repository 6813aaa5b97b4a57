"""Visits of the page: their folders, their runs, and what happens when a page is closed or loaded again."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from impasto.app.broadcast import Broadcast
from impasto.app.limits import Limits, count_files
from impasto.app.runner import AppRun, TurnQueue, sentence
from impasto.jobs import DreamJob, Job, PhotorealJob, StylizeJob, VideoJob

UPLOADS = "uploads"  # folder of uploads and results
AnyJob = StylizeJob | VideoJob | PhotorealJob | DreamJob


@dataclass(frozen=True)
class Request:
    """A job with the photo to compare with, a note for the user, and the painted masks."""

    job: Job
    photo: str | None = None
    note: str = ""
    masks: tuple[str, ...] = ()


class Started(NamedTuple):
    """A run, what it is to do, and the session that started it."""

    run: AppRun
    wanted: Request
    session: str | None


@dataclass
class AppState:
    """State of all visits: limits, the folder of uploads and results, a live source, and runs by output file.

    A visit is what one tab of a browser does, across reloads, which start new sessions. The tab names it by a
    random token that it keeps. Without one, a session is a visit of its own.
    """

    limits: Limits
    folder: Path
    broadcast: Broadcast | None = None
    runs: dict[Path, Started] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.turns = TurnQueue(self.limits.waiting)
        self.uploads = self.folder / UPLOADS
        self._visits = self.uploads / "visits"
        self._tokens: dict[str, str] = {}  # of the visits, by session
        self._present: dict[Path, set[str]] = {}  # the sessions that are open, by folder
        self._ending: dict[Path, threading.Timer] = {}
        self._lock = threading.Lock()

    def place(self, session: str | None, name: str) -> Path:
        """Return a new path in a visit's folder; browsers would show a reused one from their cache."""
        folder = self._folder(session) / secrets.token_hex(4)
        folder.mkdir(parents=True)
        return folder / name

    def _folder(self, session: str | None) -> Path:
        """Return the folder of a visit, within the uploads, whose files Gradio serves without a copy.

        The name is a hash, so that a client cannot choose it.
        """
        named = self._tokens.get(str(session), str(session))
        return self._visits / hashlib.sha256(named.encode()).hexdigest()[:32]

    def come(self, session: str | None, token: str = "") -> None:
        """Note that a session is open, and which visit it continues, unless it has begun one itself."""
        if token and str(session) not in self._present.get(self._folder(session), ()):
            self._tokens[str(session)] = token
        folder = self._folder(session)
        with self._lock:
            self._present.setdefault(folder, set()).add(str(session))
            if folder in self._ending:
                self._ending.pop(folder).cancel()

    def go(self, session: str | None) -> None:
        """Note that a session is closed. Its visit ends after a while, unless it has another one by then."""
        folder = self._folder(session)
        with self._lock:
            present = self._present.get(folder, set())
            if str(session) not in present:
                return
            present.remove(str(session))
            if not present:
                del self._present[folder]
                self._ending[folder] = timer = threading.Timer(self.limits.away_seconds, self._end, (folder,))
                timer.daemon = True
                timer.start()

    def _end(self, folder: Path) -> None:
        with self._lock:
            if folder in self._present:
                return
            self._ending.pop(folder, None)
            mine = [self.runs.pop(out).run for out in list(self.runs) if out.parent.parent == folder]
            self._tokens = {s: token for s, token in self._tokens.items() if self._folder(s) != folder}
        for run in mine:
            run.stop()
        for run in mine:
            run.wait()
        shutil.rmtree(folder, ignore_errors=True)

    def run(self, wanted: Request, session: str | None, name: str) -> Started:
        """Start a job of a visit, with an output file of that name.

        Raises:
            InputError: too many files are stored.
        """
        self.limits.check_uploads(count_files(self._visits))
        out = self.place(session, name)
        run = AppRun(wanted.job, out, seconds=self.limits.run_seconds, turns=self.turns).start()
        self.runs[out] = Started(run, wanted, session)
        return self.runs[out]

    def stop(self, session: str | None, name: str) -> None:
        """Stop the latest run of a visit whose output has that name."""
        if found := self.latest(session, name):
            found.run.stop()

    def latest(self, session: str | None, name: str | None = None) -> Started | None:
        """Return the latest run of a visit, of those whose output has that name; None if there is none."""
        folder = self._folder(session)
        mine = [out for out in self.runs if out.parent.parent == folder and name in (None, out.name)]
        return self.runs[mine[-1]] if mine else None

    def make_request(
        self, job: AnyJob, painted: int, *, photo: str | None = None, masks: tuple[str, ...] = ()
    ) -> Request:
        """Return a request for a job, limited to the size of this page.

        Args:
            painted: long side of its result without the limit, in pixels.

        Raises:
            InputError: the job asks for a larger size.
        """
        size = self.limits.side_of(job.size, painted)
        if size == job.size:
            return Request(job, photo, masks=masks)
        note = f"processed at {size} px, the limit of this page"
        return Request(replace(job, size=size), photo, note, masks)

    def sentence(self, error: BaseException) -> str:
        """Return an error as one line, without the folders of this machine."""
        from gradio.utils import get_upload_folder

        return sentence(error, folders=(Path(get_upload_folder()), self.folder))
