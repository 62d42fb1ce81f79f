"""A real browser shows pages of other origins, and these try to read from a node and to change it.

The node is on loopback and asks nobody who they are. No page gets a byte of it, nothing on record changes, and the node
refuses each request by the rule that is for it. That it is the node which holds them off, and not the browser, is shown
beside: another node, whose configuration lets some of the same pages in, is read and changed by them.
"""

import hashlib
import json
import secrets
import sys
import tempfile
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

from node import Node, free_port
from world import Browser, Hostile

FOREIGN, HOST, TYPE, NOBODY = "403", "421", "415", "401"
# A window asks for its icon by itself, as its own page; and whether a node is there, anybody may ask.
BESIDE = {("GET", "other", "404"), ("GET", "/health", "200")}
# A page that is let in may read why it is refused.
REFUSALS = ('"code":"host_not_allowed"', '"code":"unauthenticated"')
# What pages of `security.cors_origins` may read where nobody is asked for a key, and where all are.
LISTED = {
    "fetch", "fetch of a backup", "fetch of the metrics", "fetch of the keys", "fetch of the description",
    "fetch of a stream", "fetch with a header of ours", "XMLHttpRequest", "event stream", "module",
    "post of XMLHttpRequest", "job in JSON", "job in JSON, by XMLHttpRequest", "change of a job", "end of a job",
}  # fmt: skip
PUBLIC = {"fetch of the description", "module"}
# What a page may that the node takes for its own.
OWN = {
    "fetch", "fetch of a backup", "fetch of the metrics", "event stream", "image", "job in JSON", "change of a job",
    "form without a field",
}  # fmt: skip

failures = []


def expect(holds, what, *more):
    if not holds:
        failures.append(what)
        print("FAILED:", what, *(str(one)[:2000] for one in more), sep="\n  ")


def populate(node):
    """Something to be read, and to be changed, once the cluster follows the newest version."""
    url = f"http://127.0.0.1:{node.port}/health?of-the-victim"
    node.until(node.is_at_its_newest_version, "the cluster follows an old version")
    job = {"name": "victim", "schedule": "@at 2099-01-01T00:00:00Z", "webhook": {"url": url}}
    status, text = node.ask("POST", "/api/v1/jobs", job)
    assert status == 201, text
    node.ask("POST", "/api/v1/jobs/victim/trigger")
    node.until(lambda: node.get("/api/v1/executions")["executions"][0]["status"] == "success", "no run succeeded")


def on_record(node):
    """All that a page could change. Every change that somebody asks for is in the audit, too."""
    paths = ["jobs", "jobs/victim", "jobs/victim/versions", "executions", "operations", "keys", "audit"]
    found = {path: json.loads(node.ask("GET", f"/api/v1/{path}")[1]) for path in paths}
    # It ends now.
    found["executions"].pop("window")
    for key in found["keys"]["keys"]:
        # This test uses it.
        key.pop("last_used")
    return found | {"nodes": [member["id"] for member in node.get("/api/v1/cluster/status")["nodes"]]}


def names_of_jobs(node):
    return {job["name"] for job in node.get("/api/v1/jobs")["jobs"]}


def gained(results):
    """The attacks by which a page got more than the reason why it got nothing."""
    return {found["name"] for found in results if found["gained"] and not any(why in found["gained"] for why in REFUSALS)}


def sent(results):
    """The requests of these attacks, as the node counts them."""
    pairs = (result["request"].split(" ") for result in results)
    return Counter(("other" if method == "OPTIONS" else method, route) for method, route in pairs)


class Trial:
    """What the browser is shown, one page after the other, and what comes of it."""

    def __init__(self, hostile):
        self.hostile = hostile

    def page(self, host, node, **more):
        """Leads the browser to a page under this name, which attacks the node at this URL."""
        query = urlencode({"node": node, "report": self.hostile.report_url, **more})
        self.hostile.next.put(f"http://{host}:{self.hostile.port}/foreign.html?{query}")

    def rebound(self, port, begin):
        """Leads it to a page at the address of a node to be. The page's name leads to the node from then on."""
        first = Hostile(port)
        query = urlencode({"report": self.hostile.report_url})
        self.hostile.next.put(f"http://rebind.example:{port}/rebound.html?{query}")
        if not first.rebind.wait(60):
            raise SystemExit("the page was not loaded")
        first.close()
        return begin()

    def told(self, what, node, before):
        """What came of a page's attacks, and how the node answered, once it has answered all of them."""
        results = self.hostile.report()
        print(f"{what}: {len(results)} attacks")
        expect(len(results) >= 10, f"{what}: the page tried too little", results)
        broken = [result for result in results if result["gained"].startswith(("it failed", "no end"))]
        expect(not broken, f"{what}: attacks did not work", *broken)
        # A browser that was told once what it may send does not ask again.
        asked = Counter({of: count for of, count in sent(results).items() if of[0] != "other"})

        def answered():
            by_route = Counter()
            for (method, route, _), number in (node.counted() - before).items():
                by_route[method, route] += number
            return not asked - by_route

        # What a browser sends for a page that has gone on, it sends when it likes.
        node.until(answered, f"{what}: the node did not get all requests", 15)
        return results, node.counted() - before

    def nothing(self, what, node, record, before, refused, may=frozenset(), beside=frozenset()):
        """No attack of a page changed anything, and none gained anything but what all `may` have. All were refused with
        these statuses, but for those that are answered `beside`."""
        results, counts = self.told(what, node, before)
        names = gained(results) - may
        expect(not names, f"{what}: the page has something of the node", *(r for r in results if r["name"] in names))
        others = {of: n for of, n in counts.items() if of[2] not in refused and of not in BESIDE | beside}
        expect(not others, f"{what}: requests were answered otherwise than with {refused}", others)
        now = on_record(node)
        changed = {of: (record[of], now[of]) for of in now if now[of] != record[of]}
        expect(not changed, f"{what}: something was changed", *changed.items())


def closed(trial, node, restart):
    """The node as it is."""
    pages = [
        ("another site", "evil.example", "localhost", FOREIGN),
        ("another port of localhost", "localhost", "localhost", FOREIGN),
        ("another port of the address", "127.0.0.1", "127.0.0.1", FOREIGN),
        ("another site, under a name of its own", "evil.example", "other.example", HOST),
    ]
    for what, host, name, refused in pages:
        record, before = on_record(node), node.counted()
        trial.page(host, f"http://{name}:{node.port}")
        trial.nothing(what, node, record, before, {refused})
    record = on_record(node)
    node.stop()
    node = trial.rebound(node.port, restart)
    trial.nothing("a name that leads to the node since", node, record, node.counted(), {HOST})


def opened(trial, node, restart):
    """The same attacks on a node that lets them in: they work, but for what no page may do."""
    # Of a name without TLS a browser says no more than `Origin`, and that where something could change.
    record, before = on_record(node), node.counted()
    trial.page("localhost", f"http://node.example:{node.port}", **{"writes-alone": 1})
    trial.nothing("a listed host, another site", node, record, before, {FOREIGN})

    what, before = "a listed origin", node.counted()
    trial.page("evil.example", f"http://localhost:{node.port}")
    results, counts = trial.told(what, node, before)
    expect(gained(results) == LISTED, f"{what}: the page has not what it may", gained(results) ^ LISTED)
    expect(counts["POST", "/api/v1/jobs", TYPE] == 6, f"{what}: what is not JSON was taken", counts)
    names = names_of_jobs(node)
    expect(names == {"by-json", "by-xhr"}, f"{what}: there are other jobs than it made and left", names)

    populate(node)
    node.stop()
    what, node = "a listed host", trial.rebound(node.port, restart)
    results, _ = trial.told(what, node, Counter())
    expect(gained(results) == OWN, f"{what}: the page has not what it may", gained(results) ^ OWN)
    expect("by-own-page" in names_of_jobs(node), f"{what}: the page made no job", names_of_jobs(node))


def signed_in(trial, node, _):
    """Keys are asked for, and the browser has a session of an admin, whose cookie it sends along. A page of another port
    has no use of it, though it be of a listed origin."""
    with node.send("POST", "/session", {"token": node.token}) as begun:
        assert begun.status == 201, begun.read()
        trial.hostile.cookie = begun.headers["Set-Cookie"]
    record, before = on_record(node), node.counted()
    trial.page("localhost", f"http://localhost:{node.port}")
    answered = {
        ("other", "/api/v1/jobs", "204"), ("other", "/api/v1/jobs/{job}", "204"), ("POST", "/session", TYPE),
        ("GET", "/api/v1/openapi.json", "200"), ("GET", "/api/docs/{*file}", "200"),
    }  # fmt: skip
    what = "a listed origin, and a session"
    trial.nothing(what, node, record, before, {FOREIGN, NOBODY}, PUBLIC, answered)
    expect(trial.hostile.was_sent(trial.hostile.cookie), f"{what}: the browser did not send the cookie")


def main(chronos, chromium, work):
    hostile = Hostile()
    token = secrets.token_hex(32)
    key = f"{{name: the test, role: admin, key_sha256: {hashlib.sha256(token.encode()).hexdigest()}}}"
    parts = [
        (closed, None, {}),
        (opened, None, {
            "CHRONOS_SECURITY__CORS_ORIGINS": f"[http://evil.example:{hostile.port}]",
            "CHRONOS_SECURITY__ALLOWED_HOSTS": "[node.example, rebind.example]",
        }),
        (signed_in, token, {
            "CHRONOS_SECURITY__CORS_ORIGINS": f"[http://localhost:{hostile.port}]",
            "CHRONOS_AUTH__API_KEYS": f"[{key}]",
        }),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as room:
        browser = Browser(chromium, f"{room}/profile", work / "chromium.log", f"http://evil.example:{hostile.port}/next")
        nodes = []
        try:
            for part, token, settings in parts:
                port = free_port()

                def begin():
                    data, log = f"{room}/{part.__name__}", work / f"{part.__name__}.log"
                    nodes.append(Node(chronos, port, data, log, settings, token))
                    return nodes[-1]

                node = begin()
                populate(node)
                part(Trial(hostile), node, begin)
        finally:
            browser.stop()
            for node in nodes:
                node.stop()
    if failures:
        raise SystemExit(f"{len(failures)} failures")
    print("browser: pages of other origins read nothing and changed nothing")


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
