"""Asks a node, as each role and as nobody, all that its description of the API says, with schemathesis.

No answer is a fault of the server, but for a 503 where the description has it, and each has a status, a media type,
headers and a form that the description has.
"""

import hashlib
import json
import secrets
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from node import Node, free_port

HERE = Path(__file__).parent
ROLES = ["viewer", "operator", "editor", "admin"]
# Those who may do little are refused alike, whatever they send.
PHASES = {
    "nobody": "examples,fuzzing",
    "viewer": "examples,fuzzing",
    "operator": "examples,fuzzing",
    "editor": "examples,coverage,fuzzing",
    "admin": "examples,coverage,fuzzing,stateful",
}
REVOKES = "revokeKey"
# An admin who is told of keys ends the one that is shown, and hears nothing more: so that is a turn of its own.
ASKED = [(who, who, ["--exclude-operation-id", REVOKES]) for who in PHASES]
ASKED += [("end of keys", "admin", ["--include-operation-id", REVOKES])]
# An admin comes through to so many operations at least, or little is proven.
REACHED = 40


def described(node):
    """The description without what it says of statuses that it does not name."""
    document = node.get("/api/v1/openapi.json")
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    for operation in operations:
        del operation["responses"]["default"]
    return document


def populate(node, names):
    """Jobs and executions that the requests name; answers the ids of the latter."""
    node.until(node.is_at_its_newest_version, "the cluster follows an old version")
    ids = []
    for number, name in enumerate(names):
        # The runs of half of them are over at once, and of the others not.
        policy = {"max_attempts": 1 + number % 2, "initial_interval": "1h", "max_interval": "1h"}
        job = {"name": name, "schedule": "@daily", "webhook": {"url": "http://127.0.0.1:9/called"}}
        status, text = node.ask("POST", "/api/v1/jobs", job | {"retry_policy": policy, "concurrency": "allow"})
        assert status == 201, text
        status, text = node.ask("POST", f"/api/v1/jobs/{name}/trigger")
        assert status == 202, text
        ids.append(json.loads(text)["id"])
    return ids


def ask(node, token, phases, which, tools, work):
    """Has schemathesis ask a node, as somebody with a token or as nobody. Whether nothing was found."""
    document = work / "openapi.json"
    document.write_text(json.dumps(described(node)))
    header = ["--header", f"Authorization: Bearer {token}"] if token else []
    where = ["--no-color", "--url", f"http://127.0.0.1:{node.port}", "--phases", phases]
    command = [tools / "st", "--config-file", work / "schemathesis.toml", "run", document, *where, *header, *which]
    log = work / "schemathesis.log"
    with open(log, "wb") as out:
        done = subprocess.run(command, stdout=out, stderr=out, cwd=work)
    if done.returncode:
        print(log.read_text())
    return done.returncode == 0


def main(chronos, tools, work):
    tokens = {role: secrets.token_hex(32) for role in ROLES}
    keys = ", ".join(
        f"{{name: {role}, role: {role}, key_sha256: {hashlib.sha256(token.encode()).hexdigest()}}}"
        for role, token in tokens.items()
    )
    settings = {
        "CHRONOS_AUTH__API_KEYS": f"[{keys}]",
        # This test counts also when no key is left.
        "CHRONOS_METRICS__AUTH": "none",
        # Made up webhooks may lead anywhere.
        "CHRONOS_DISPATCHER__HTTP__EGRESS": '{deny: [0.0.0.0/0, "::/0"], allow: [127.0.0.0/8, "::1"]}',
    }
    config = (HERE / "schemathesis.toml").read_text()
    names = tomllib.loads(config)["dictionaries"]["jobs"]["values"]
    wrong = []
    for name, who, which in ASKED:
        # Each has a node to itself, and may leave it in any state.
        room, begun = work / name, time.monotonic()
        room.mkdir()
        (room / "schemathesis.toml").write_text(config)
        with tempfile.TemporaryDirectory() as data:
            node = Node(chronos, free_port(), data, room / "node.log", settings, tokens["admin"])
            try:
                ids = populate(node, names)
                (room / "ids.dict").write_text("".join(f'"{id}"\n' for id in ids))
                before = node.counted()
                if not ask(node, tokens.get(who), PHASES[who], which, tools, room):
                    wrong.append(name)
                counts = node.counted() - before
            finally:
                node.stop()
        if "panicked" in (room / "node.log").read_text():
            wrong.append(f"{name}, who had a handler panic")
        reached = {of[:2] for of in counts if of[2].startswith("2")}
        seconds = time.monotonic() - begun
        print(f"{name}: {sum(counts.values())} requests in {seconds:.0f} s, {len(reached)} operations carried out")
        if name == "admin" and len(reached) < REACHED:
            wrong.append("admin, who did not come through")
            print(*sorted(reached))
    if wrong:
        raise SystemExit(f"other answers came than the description has: {', '.join(wrong)}")
    print("description: every answer is one that the description has")


main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
