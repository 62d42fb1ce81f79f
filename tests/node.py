"""A node of the binary under test, on loopback."""

import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Node:
    """Asked as a program asks it: with its key, where there is one, and without what a browser says."""

    def __init__(self, chronos, port, data, log, settings, token=None):
        self.port, self.token, self.looks = port, token, 0
        set_in = {
            "CHRONOS_CLUSTER__DATA_DIR": str(data),
            "CHRONOS_SERVER__HTTP__ADDRESS": f"127.0.0.1:{port}",
            **settings,
        }
        with open(log, "ab") as out:
            self.process = subprocess.Popen([chronos, "server"], env={**os.environ, **set_in}, stdout=out, stderr=out)
        self.log = log
        self.until(lambda: self.ask("GET", "/ready")[0] == 200, "the node is not ready")

    def until(self, holds, otherwise, seconds=30):
        end = time.monotonic() + seconds
        while True:
            try:
                if holds():
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{otherwise} after {seconds} s:\n{Path(self.log).read_text()[-4000:]}")
            time.sleep(0.05)

    def send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as error:
            return error

    def ask(self, method, path, body=None):
        with self.send(method, path, body) as answer:
            return answer.status, answer.read().decode()

    def get(self, path):
        status, text = self.ask("GET", path)
        assert status == 200, (path, status, text)
        return json.loads(text)

    def is_at_its_newest_version(self):
        status = self.get("/api/v1/cluster/status")
        return status["cluster_version"] == status["nodes"][0]["max_cluster_version"]

    def counted(self):
        """How many requests were answered, by method, route and status; but for those that this asks."""
        line = re.compile(r'chronos_http_requests_total\{method="(\w+)",route="(.*?)",status="(\d+)"\} (\d+)')
        _, text = self.ask("GET", "/metrics")
        counts = Counter({tuple(found[:3]): int(found[3]) for found in line.findall(text)})
        counts["GET", "other", "200"] -= self.looks
        self.looks += 1
        return counts

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
