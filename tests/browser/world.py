"""What the test is made of beside the nodes: the server of the hostile pages, and the browser."""

import json
import os
import queue
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PAGES = Path(__file__).parent / "pages"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript"}
# A page says what came of its attacks, and where it goes next, in less than this.
PAGE_SECONDS = 120


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
