#!/usr/bin/env python3
"""dev/supervisor.py at work: what dies comes back, what leaves children behind is swept, and nothing outlives the supervisor."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 15


class Home:
    """A directory with a supervisor."""

    def __enter__(self):
        self.path = Path(tempfile.mkdtemp(prefix="flexprice-supervisor-"))
        self.child = None
        return self

    def __exit__(self, *_):
        if self.child:
            self.child.kill()
            self.child.wait()
        shutil.rmtree(self.path)

    def plan(self, **commands):
        specs = {
            name: {"argv": ["bash", "-c", script], "env": {"PATH": os.environ["PATH"]}, "cwd": str(self.path), "stop_seconds": 1}
            for name, script in commands.items()
        }
        (self.path / "processes.json").write_text(json.dumps(specs))
        if self.child is None:
            program = [sys.executable, "-B", ROOT / "dev" / "supervisor.py", self.path]
            self.child = subprocess.Popen(program, stdout=(self.path / "supervisor.log").open("w"), start_new_session=True)
        else:
            self.child.send_signal(signal.SIGHUP)

    def pid(self, name):
        try:
            return int((self.path / f"{name}.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def state(self):
        try:
            return json.loads((self.path / "state.json").read_text())
        except (OSError, ValueError):
            return {}

    def log(self, name="supervisor"):
        log = self.path / f"{name}.log"
        return log.read_text() if log.exists() else ""


def alive(pid):
    """Runs, and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(what, condition):
    deadline = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {DEADLINE_S} s: {what}"
        time.sleep(0.01)
    return value


def what_dies_comes_back():
    with Home() as home:
        home.plan(one="exec sleep 600", other="exec sleep 600")
        first, other = until("both run", lambda: home.pid("one") and home.pid("other") and (home.pid("one"), home.pid("other")))
        os.kill(first, signal.SIGKILL)
        until("it runs again", lambda: home.pid("one") not in (None, first))
        assert home.pid("other") == other, "its neighbour was touched"
        until("its death is counted", lambda: home.state()["processes"]["one"]["deaths"] == 1)


def what_dies_at_once_is_not_started_without_end():
    with Home() as home:
        home.plan(bad="echo try; exit 3")
        until("three deaths", lambda: home.state().get("processes", {}).get("bad", {}).get("deaths", 0) >= 3)
        began = time.monotonic()
        tries = home.log("bad").count("try")
        until("a second has gone", lambda: time.monotonic() - began > 1)
        # 0.2 + 0.4 + 0.8 s have gone by; the next is 1.6 s away.
        assert home.log("bad").count("try") - tries <= 1, "no back-off"
        assert "exit code 3" in home.log()


def children_that_stay_behind_are_swept():
    with Home() as home:
        home.plan(parent="sleep 600 & echo child $!; exec sleep 601")
        parent = until("it runs", lambda: home.pid("parent"))
        child = int(until("it has a child", lambda: "child" in home.log("parent") and home.log("parent").split()[1]))
        os.kill(parent, signal.SIGKILL)
        until("the child is gone", lambda: not alive(child))


def a_new_plan_changes_only_what_changed():
    with Home() as home:
        home.plan(stays="exec sleep 600", goes="exec sleep 600", changes="exec sleep 600")
        until("all run", lambda: all(map(home.pid, ("stays", "goes", "changes"))))
        stays, goes, changes = map(home.pid, ("stays", "goes", "changes"))
        home.plan(stays="exec sleep 600", changes="exec sleep 601", comes="exec sleep 600")
        until("the plan is followed", lambda: home.pid("comes") and home.pid("changes") not in (None, changes) and not alive(goes))
        assert home.pid("stays") == stays and home.pid("goes") is None


def who_will_not_go_is_killed():
    with Home() as home:
        home.plan(deaf="trap '' TERM; echo deaf; while :; do sleep 0.1; done")
        pid = until("it is deaf", lambda: "deaf" in home.log("deaf") and home.pid("deaf"))
        home.child.terminate()
        assert home.child.wait(DEADLINE_S) == 0
        assert not alive(pid) and "killed" in home.log()
        assert not (home.path / "supervisor.pid").exists() and home.pid("deaf") is None


def nothing_outlives_a_killed_supervisor():
    with Home() as home:
        home.plan(one="exec sleep 600")
        pid = until("it runs", lambda: home.pid("one"))
        home.child.kill()
        home.child.wait()
        until("its process is gone too", lambda: not alive(pid))


CASES = [
    what_dies_comes_back,
    what_dies_at_once_is_not_started_without_end,
    children_that_stay_behind_are_swept,
    a_new_plan_changes_only_what_changed,
    who_will_not_go_is_killed,
    nothing_outlives_a_killed_supervisor,
]


def main():
    failed = 0
    for case in CASES:
        try:
            case()
            print(f"ok    {case.__name__}")
        except AssertionError as error:
            failed += 1
            print(f"FAIL  {case.__name__}: {error}")
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
