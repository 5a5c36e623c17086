#!/usr/bin/env python3
"""Grades a submission of Classroom 50 with labs. Written by "labs ci classroom50".

Put it where the classroom's runner finds it:

    gh teacher autograder set-default ORG CLASSROOM --from autograder.py

An assignment grades the lab that it is named after (b10, b10-token-bucket or token-bucket), or the labs of LABS below.
Its runtime block needs Go: {"go": "[[.GoMinor]]"}. The course has to be public: a student's repository has no secret of
yours. The runner's side of this, environment and result.json, is in Classroom 50's wiki, "Advanced Autograding".
"""
import datetime
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

COURSE = "[[.Server]]/[[.Course]].git"
REF = "[[.Ref]]" or "HEAD"
LABS = {}  # {"week-1": ["b10", "b12"]}: assignments that are not named after one lab


def run(*command, **kwargs):
    return subprocess.run(command, check=True, **kwargs)


def means(name, lab):
    return name == lab or lab.startswith(name + "-") or lab.endswith("-" + name)


def wanted(course, assignment):
    """The labs of an assignment, as folders of the course."""
    names = [n.lower() for n in LABS.get(assignment, [assignment])]
    known = sorted(p.parent.name for p in course.glob("labs/*/lab.yaml"))
    found = {n: [lab for lab in known if means(n, lab)] for n in names}
    for name, labs in found.items():
        if len(labs) != 1:
            many = "more than one lab" if labs else "no lab"
            sys.exit(f"{name!r} is {many} of the course: set LABS in autograder.py")
    return [labs[0] for labs in found.values()]


def build(course, binary):
    run("git", "init", "--quiet", str(course))
    run("git", "-C", str(course), "fetch", "--quiet", "--depth", "1", COURSE, REF)
    run("git", "-C", str(course), "checkout", "--quiet", "--detach", "FETCH_HEAD")
    run("go", "build", "-o", str(binary), "./cmd/labs", cwd=course)
    # Ubuntu keeps programs without a profile from making user namespaces, of which the sandbox is made.
    key = "kernel.apparmor_restrict_unprivileged_userns"
    if Path("/proc/sys", *key.split(".")).exists():
        subprocess.run(["sudo", "-n", "sysctl", "-q", "-w", key + "=0"], check=False)


def tests(results):
    """The checks of all labs. A lab of which none was run is one test."""
    for r in results:
        rows = r["checks"] or [{"title": "builds and keeps to the rules", "verdict": r["verdict"],
                                "points": 0, "max_points": r["max_points"]}]
        for c in rows:
            yield {"test-name": f"{r['slug']}: {c['title']}", "passed": c["verdict"] == "passed",
                   "score": c["points"], "max-score": c["max_points"]}


def main():
    env, out = os.environ, Path.cwd()
    (out / "result.json").unlink(missing_ok=True)  # the submission may have one of its own
    with tempfile.TemporaryDirectory() as tmp:
        course, binary, report = Path(tmp, "course"), Path(tmp, "labs"), Path(tmp, "results.json")
        build(course, binary)
        results = []
        for lab in wanted(course, env["ASSIGNMENT"]):
            code = subprocess.run([str(binary), "--course", str(course), "grade", str(out), "--lab", lab,
                                   "--output", f"json={report}"], check=False).returncode
            if code not in (0, 1, 4):
                sys.exit(code)  # no verdict: the runner says "error", and no score is written
            results += json.loads(report.read_text())
            report.unlink()
    rows = list(tests(results))
    (out / "result.json").write_text(json.dumps({
        "schema": "classroom50/result/v1",
        "classroom": env["CLASSROOM"],
        "assignment": env["ASSIGNMENT"],
        "submission": env["SUBMISSION_TAG"],
        "commit": env["COMMIT_URL"],
        "release": env["RELEASE_URL"],
        "review": env.get("REVIEW_URL") or env["COMMIT_URL"],
        "datetime": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "score": sum(r["score"] for r in rows),
        "max-score": sum(r["max-score"] for r in rows),
        "tests": rows,
    }, indent=2) + "\n")


if __name__ == "__main__":
    main()
