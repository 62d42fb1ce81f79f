"""What the test is made of: nodes, the server of the hostile pages, and the browser."""

import json
import os
import queue
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PAGES = Path(__file__).parent / "pages"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript"}
# A page says what came of its attacks, and where it goes next, in less than this.
PAGE_SECONDS = 120


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Node:
    """A node on loopback, asked as a program asks it: without what a browser says."""

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


class Handler(BaseHTTPRequestHandler):
    """Of the hostile server. Without what keeps a connection, so that nothing of it is left when it stops."""

    def do_GET(self):
        url = urlsplit(self.path)
        self.server.cookies += self.headers.get_all("Cookie", [])
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/away":
            return self.answer(307, headers={"Location": asked["to"]})
        if url.path == "/next":
            return self.answer(307, headers={"Location": self.server.next.get()})
        file = PAGES / url.path.lstrip("/")
        if file.parent != PAGES or not file.is_file():
            return self.answer(404)
        policy = f"img-src http:; report-uri {asked.get('node', '')}/api/v1/jobs/victim/disable"
        headers = {"Content-Type": TYPES[file.suffix], "Content-Security-Policy-Report-Only": policy}
        if self.server.cookie:
            # A cookie is of a host, whatever its port.
            headers["Set-Cookie"] = self.server.cookie
        self.answer(200, file.read_bytes(), headers)

    def do_POST(self):
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if url.path == "/away":
            return self.do_GET()
        if url.path == "/rebind":
            self.answer(200)
            return self.server.rebind.set()
        self.server.reports.put(json.loads(body))
        self.answer(200, self.server.next.get().encode())

    def answer(self, status, body=b"", headers={}):
        self.send_response(status)
        for name, value in {"Access-Control-Allow-Origin": "*", **headers, "Content-Length": len(body)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Hostile(ThreadingHTTPServer):
    """The server of the hostile pages, under whatever name."""

    daemon_threads = True

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.port = self.server_address[1]
        self.reports, self.next = queue.Queue(), queue.Queue()
        self.report_url = f"http://evil.example:{self.port}/report"
        self.rebind = threading.Event()
        self.cookie, self.cookies = None, []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def report(self):
        try:
            return self.reports.get(timeout=PAGE_SECONDS)
        except queue.Empty:
            raise SystemExit(f"a page has told nothing for {PAGE_SECONDS} s") from None

    def was_sent(self, cookie):
        return any(cookie.startswith(sent) for sent in self.cookies)

    def close(self):
        self.shutdown()
        self.server_close()


class Browser:
    """Chromium without a window. Each page leads to the next, so nothing has to drive it."""

    def __init__(self, chromium, profile, log, url):
        arguments = [
            chromium,
            "--headless",
            "--no-sandbox",
            "--no-first-run",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            # A page that nobody has clicked on may open windows all the same: what they lead to is what is tested.
            "--disable-popup-blocking",
            f"--user-data-dir={profile}",
            # Every name of the attacker leads to this machine.
            "--host-resolver-rules=MAP *.example 127.0.0.1",
            url,
        ]
        with open(log, "wb") as out:
            self.process = subprocess.Popen(arguments, stdout=out, stderr=out, start_new_session=True)

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
