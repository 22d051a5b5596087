"""What it costs to hold many consoles: bytes and CPU of clusterd, ConMan and conserver, side by side."""

import contextlib
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
TICK = os.sysconf("SC_CLK_TCK")
# An established or dialling connection in /proc/net/tcp: local port, far port, state.
CONNECTION = re.compile(rb": [0-9A-F]{8}:[0-9A-F]{4} [0-9A-F]{8}:([0-9A-F]{4}) (0[12]) ")
ATTACH_LIMIT = 300.0
# Three patterns beside the 17 of the shipped script and its libraries.
MORE_PATTERNS = r"""
pattern oops     = /Oops(: | - )|kernel BUG at/
pattern ecc      = /uncorrectable (memory|ECC) error/
pattern scsi     = /SCSI transport failed: reason/
"""


class Chatter:
    """`clusterd sim serve --chatter`: the consoles that are held."""

    def __init__(self, clusterd, nodes, lines_per_s):
        command = [clusterd, "sim", "serve", "--chatter", str(lines_per_s),
                   "--nodes", str(nodes), "--base-port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.ports, self.host_ids = [], []
        next(self.process.stdout)
        for line in self.process.stdout:
            if not line.strip():
                break
            _, host_id, _, _, port = line.split()
            self.host_ids.append(host_id)
            self.ports.append(int(port))
        if len(self.ports) != nodes:
            raise SystemExit(f"only {len(self.ports)} of {nodes} consoles could be served")

    def end(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Conserver:
    """Its own process for every 16 consoles, as it is shipped."""

    name, needs = "conserver", "conserver"

    def __init__(self, most=None):
        self.most = most
        if most:
            self.name = "conserver-m"

    def command(self, folder, consoles, _):
        logs = folder / "logs"
        logs.mkdir()
        lines = [
            "config * { }",
            "default full { rw *; }",
            f'default * {{ master 127.0.0.1; logfile {logs}/&.log; timestamp "1l"; '
            "type host; host 127.0.0.1; include full; }",
        ]
        lines += [f"console sun{n + 1} {{ port {port}; }}" for n, port in enumerate(consoles.ports)]
        lines.append("access * { trusted 127.0.0.1; }")
        (folder / "conserver.cf").write_text("\n".join(lines) + "\n")
        (folder / "passwd").write_text("*any*:\n")
        many = ["-m", str(self.most)] if self.most else []
        return ["conserver", "-C", folder / "conserver.cf", "-P", folder / "passwd", "-p", "7782",
                "-b", "7800", "-M", "127.0.0.1", "-U", folder / "unified.log", *many]


class ConMan:
    name, needs = "ConMan", "conmand"

    def command(self, folder, consoles, _):
        logs = folder / "logs"
        logs.mkdir()
        lines = [
            "server loopback=on", "server port=7890", "server keepalive=on",
            f'server pidfile="{folder}/conman.pid"',
            f'global log="{logs}/%N.log"',
            'global logopts="lock,sanitize,timestamp"',
        ]
        lines += [f'console name="sun{n + 1}" dev="127.0.0.1:{port}"'
                  for n, port in enumerate(consoles.ports)]
        (folder / "conman.conf").write_text("\n".join(lines) + "\n")
        return ["conmand", "-F", "-c", folder / "conman.conf"]


class Clusterd:
    """Two consoles a cluster, the shipped script, the service asked by ping every 5 s."""

    name, needs = "clusterd", None

    def command(self, folder, consoles, clusterd):
        home = folder / "home"
        (home / "clist").mkdir(parents=True)
        shutil.copytree(REPOSITORY / "chat-scripts", home / "chat-scripts")
        with (home / "chat-scripts/sun-openboot.chat").open("a") as script:
            script.write(MORE_PATTERNS)
        for first in range(0, len(consoles.ports) - 1, 2):
            number = first // 2 + 1
            nodes = "".join(
                f'  sun{n + 1}: {{ platform: openboot, console: "telnet://127.0.0.1:{consoles.ports[n]}", '
                f'host_id: "{consoles.host_ids[n]}", dark_after: 10m }}\n'
                for n in (first, first + 1))
            (home / f"clist/c{number}.yaml").write_text(
                f"cluster: c{number}\nnodes:\n{nodes}packages:\n  service:\n"
                f"    script: sun-openboot\n    nodes: [sun{first + 1}, sun{first + 2}]\n"
                f"    boot_device: disk\n    address: 127.7.{number // 250}.{number % 250 + 1}\n"
                "    data_policy: integrity\n")
        return [clusterd, "run", "--home", home]


class Peer:
    """A running peer, with all of its processes."""

    def __init__(self, kind, folder, consoles, clusterd):
        self.began = time.monotonic()
        output = (folder / "output").open("w")
        self.process = subprocess.Popen(
            [str(word) for word in kind.command(folder, consoles, clusterd)],
            stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True)

    def pids(self):
        session = str(self.process.pid)
        return [pid for pid in os.listdir("/proc") if pid.isdigit() and self.of(pid, session)]

    @staticmethod
    def of(pid, session):
        try:
            return stat(pid)[3] == session
        except OSError:
            return False

    def memory(self):
        """PSS, RSS and anonymous memory of all processes, in KiB."""
        total = {"Pss": 0, "Rss": 0, "Anonymous": 0}
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
                key, value = line.split()[:2]
                if key[:-1] in total:
                    total[key[:-1]] += int(value)
        return total

    def cpu(self):
        """utime + stime of all processes so far, in seconds."""
        return sum(int(stat(pid)[field]) for pid in self.pids() for field in (11, 12)) / TICK

    def end(self):
        """Ends all of its processes; conserver's children outlive their parent a little."""
        for order, within in ((signal.SIGTERM, 30), (signal.SIGKILL, 5)):
            until = time.monotonic() + within
            pids = self.pids()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), order)
            while pids and time.monotonic() < until:
                self.process.poll()
                time.sleep(0.05)
                pids = [pid for pid in self.pids() if stat(pid)[0] != "Z"]
            if not pids:
                break
        self.process.wait()


def stat(pid):
    """The fields of /proc/PID/stat behind the name: the state is 0."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def attached(peer, consoles):
    """Waits until every console has its client: (seconds, the most within 10 ms, the most dialling)."""
    ports = {b"%04X" % port for port in consoles.ports}
    seen, dialling, last = [], 0, 0
    while last < len(ports):
        connections = [(port, state) for port, state in CONNECTION.findall(net_tcp()) if port in ports]
        now = time.monotonic() - peer.began
        last = len({port for port, state in connections if state == b"01"})
        dialling = max(dialling, sum(state == b"02" for _, state in connections))
        seen.append((now, last))
        if now > ATTACH_LIMIT or peer.process.poll() is not None:
            raise RuntimeError(f"only {last} of {len(ports)} consoles are attached after {now:.0f} s")
        time.sleep(0.002)
    return seen[-1][0], most_within(seen, 0.010), dialling


def net_tcp():
    with open("/proc/net/tcp", "rb") as table:
        return table.read()


def most_within(seen, window):
    most, first = 0, 0
    for at, count in seen:
        while seen[first][0] < at - window:
            first += 1
        most = max(most, count - seen[max(first - 1, 0)][1])
    return most


def hold(kind, clusterd, nodes, lines_per_s, settle, window, place):
    """One measurement, as a row."""
    consoles = Chatter(clusterd, nodes, lines_per_s)
    try:
        with tempfile.TemporaryDirectory(
                prefix="peers-", dir=place, ignore_cleanup_errors=True) as folder:
            peer = Peer(kind, pathlib.Path(folder), consoles, clusterd)
            try:
                seconds, burst, dialling = attached(peer, consoles)
                time.sleep(settle)
                before, began = peer.cpu(), time.monotonic()
                time.sleep(window)
                cpu = (peer.cpu() - before) / (time.monotonic() - began)
                memory = peer.memory()
                processes = len(peer.pids())
                if peer.process.poll() is not None:
                    raise RuntimeError("it ended meanwhile")
            finally:
                peer.end()
            logs = sum(f.stat().st_size for f in pathlib.Path(folder).rglob("*")
                       if f.suffix in (".log", ".console"))
    finally:
        consoles.end()
    return {
        "peer": kind.name, "consoles": nodes, "lines_per_s": lines_per_s, "processes": processes,
        "pss_kib": memory["Pss"], "rss_kib": memory["Rss"], "anonymous_kib": memory["Anonymous"],
        "cpu_percent": round(100 * cpu, 3), "attach_s": round(seconds, 3),
        "most_in_10ms": burst, "most_dialling": dialling, "logged_bytes": logs,
    }


def present(kinds, say):
    """Those of the peers that are here."""
    there = [kind for kind in kinds if not kind.needs or shutil.which(kind.needs)]
    for kind in kinds:
        if kind not in there:
            say(f"{kind.name} is not installed: skipped")
    return there


def allow_files(count):
    """A process may open so many files, if the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
