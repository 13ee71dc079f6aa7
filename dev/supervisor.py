#!/usr/bin/env python3
"""Keeps processes running: starts what a file names, starts again what dies, stops all when it is told to.

usage: supervisor.py DIR

DIR/processes.json maps a name to {argv, env, cwd, stop_signal, stop_seconds}; it is read at the start and on SIGHUP, after which what is
new runs, what is gone stops, and what changed is replaced. SIGTERM stops all and ends. For each process there are DIR/NAME.pid ("pid
start-time", so that a pid used again is not taken for it) and DIR/NAME.log; DIR/state.json says what runs and how often it died.

What dies is started again after 0.2 s, then 0.4 s, … up to 10 s; 30 s alive make it begin anew. The kernel ends the processes when the
supervisor itself dies, so that none is left behind on its port.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

BACK_OFF_FIRST_S = 0.2
BACK_OFF_MAX_S = 10.0
STEADY_S = 30.0
LOG_BYTES_MAX = 64 * 1024 * 1024
PR_SET_PDEATHSIG = 1
SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
LIBC = ctypes.CDLL(None, use_errno=True)


def start_time(pid):
    """Field 22 of /proc/PID/stat: the moment a process began, in ticks since boot. None when it does not run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def write_whole(path, text):
    """A reader sees the old text or the new one."""
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)


class Process:
    """One named process: what it should be, and what it is."""

    def __init__(self, home, name, spec):
        self.home, self.name, self.spec = home, name, spec
        self.child = None
        self.began = 0.0
        self.due = 0.0
        self.back_off = BACK_OFF_FIRST_S
        self.deaths = 0
        self.stopping_until = None
        self.last_exit = None

    def start(self, now):
        log = self.home / f"{self.name}.log"
        if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
            log.replace(log.with_suffix(".log.1"))

        end_signal = self.stop_signal()

        def before_exec():
            # A group of its own: Ctrl-C in the terminal is not for it, and what it leaves behind can be found.
            os.setpgid(0, 0)
            LIBC.prctl(PR_SET_PDEATHSIG, end_signal)
            signal.pthread_sigmask(signal.SIG_SETMASK, set())

        with log.open("ab") as out:
            try:
                self.child = subprocess.Popen(
                    self.spec["argv"],
                    env=self.spec["env"],
                    cwd=self.spec["cwd"],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    preexec_fn=before_exec,
                )
            except OSError as error:
                out.write(f"supervisor: cannot start {self.spec['argv'][0]}: {error}\n".encode())
                self.died(now, str(error))
                return
        self.began = now
        write_whole(self.home / f"{self.name}.pid", f"{self.child.pid} {start_time(self.child.pid)}\n")

    def died(self, now, how):
        """Notes an end that nobody asked for, and when to try again."""
        self.child = None
        self.deaths += 1
        self.last_exit = how
        if now - self.began > STEADY_S:
            self.back_off = BACK_OFF_FIRST_S
        self.due = now + self.back_off
        self.back_off = min(self.back_off * 2, BACK_OFF_MAX_S)
        say(f"{self.name} ended: {how}; starting it again in {self.due - now:.1f} s")

    def stop(self, now):
        if self.child and self.stopping_until is None:
            self.stopping_until = now + self.spec.get("stop_seconds", 40)
            self.child.send_signal(self.stop_signal())

    def stop_signal(self):
        return signal.Signals[f"SIG{self.spec.get('stop_signal', 'TERM')}"]

    def sweep(self):
        """Ends children of the process that outlived it, such as nginx's workers: they would keep its port."""
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def remove_pid(self):
        (self.home / f"{self.name}.pid").unlink(missing_ok=True)


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


class Supervisor:
    """All processes of one directory."""

    def __init__(self, home):
        self.home = home
        self.processes = {}
        self.leaving = []
        self.ending = False
        self.plan = None
        self.reported = None

    def load(self, now):
        """Brings what runs to what the file names."""
        try:
            file = self.home / "processes.json"
            stamp = file.stat().st_mtime_ns
            wanted = json.loads(file.read_text())
        except (OSError, ValueError) as error:
            say(f"processes.json cannot be read, nothing changes: {error}")
            return
        self.plan = stamp
        for name, process in list(self.processes.items()):
            if wanted.get(name) != process.spec:
                say(f"{name}: {'replacing' if name in wanted else 'stopping'}")
                process.stop(now)
                self.leaving.append(self.processes.pop(name))
        for name, spec in wanted.items():
            if name not in self.processes:
                self.processes[name] = Process(self.home, name, spec)

    def step(self, now):
        """Reaps, starts what is due, kills what will not go."""
        for process in list(self.leaving):
            if process.child is None or process.child.poll() is not None:
                if process.child:
                    process.sweep()
                self.leaving.remove(process)
                process.remove_pid()
                say(f"{process.name} stopped")
            elif now > process.stopping_until:
                say(f"{process.name} has not gone in time, killed")
                process.child.kill()
        blocked = {process.name for process in self.leaving}
        for process in self.processes.values():
            if process.child and process.child.poll() is not None:
                code = process.child.returncode
                process.sweep()
                process.remove_pid()
                process.died(now, f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}")
            if process.child is None and not self.ending and process.name not in blocked and now >= process.due:
                process.start(now)
        self.report()

    def report(self):
        processes = {
            name: {"pid": p.child.pid if p.child else None, "deaths": p.deaths, "last_exit": p.last_exit} for name, p in self.processes.items()
        }
        state = {"plan": self.plan, "processes": processes, "leaving": [process.name for process in self.leaving]}
        text = json.dumps(state, indent=1)
        if text != self.reported:
            write_whole(self.home / "state.json", text)
            self.reported = text

    def run(self):
        self.load(time.monotonic())
        while True:
            now = time.monotonic()
            self.step(now)
            if self.ending and not self.leaving:
                return
            # Something is looked at at least twice a second; a signal wakes at once.
            came = signal.sigtimedwait(SIGNALS, self.patience(now))
            if came is None or came.si_signo == signal.SIGCHLD:
                continue
            if came.si_signo == signal.SIGHUP:
                self.load(time.monotonic())
            elif not self.ending:
                say("stopping all")
                self.ending = True
                for process in self.processes.values():
                    process.stop(time.monotonic())
                self.leaving += self.processes.values()
                self.processes = {}

    def patience(self, now):
        waiting = [p.due - now for p in self.processes.values() if p.child is None]
        return max(0.01, min([0.5, *waiting]))


def main():
    home = Path(sys.argv[1])
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    write_whole(home / "supervisor.pid", f"{os.getpid()} {start_time(os.getpid())}\n")
    say("supervisor starts")
    try:
        Supervisor(home).run()
    finally:
        (home / "supervisor.pid").unlink(missing_ok=True)
        (home / "state.json").unlink(missing_ok=True)
    say("supervisor ends")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
