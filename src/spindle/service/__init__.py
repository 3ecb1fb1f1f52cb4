"""The web service: laboratories upload recordings, have them scored, correct the scoring and compare groups.

| part | files |
|---|---|
| what it keeps | `settings.py`, `tables.py`, `database.py` with `migrations/`, `files.py` |
| who may do what | `accounts.py`, `sessions.py`, `guard.py`, `limits.py`, `audit.py` |
| the program | `app.py`, `api/` (routes of `/api/v1`), `pages/` (HTML), `static/` |
| work | `jobs.py` (what the pages know of them), `engine.py`, `worker.py`, `child.py`, `work/` |
| running it | `supervisor.py`, `operation.py` |

Nothing here decides anything about sleep: that is `spindle`'s, through `spindle.api` and below.
"""
