"""The site's settings with a data folder of its own, whatever the environment and .env say."""

from __future__ import annotations

import os
import tempfile

DATA_FOLDER = tempfile.TemporaryDirectory(prefix="fluxsite-tests-")
os.environ |= {
    "DATA_DIR": DATA_FOLDER.name,
    "DEBUG": "False",
    "PUBLIC_URL": "",
    "ALLOWED_HOSTS": "*",
    "TIME_ZONE": "UTC",
    "BFL_API_KEY": "key-of-the-tests",
    "BFL_API_BASE": "http://127.0.0.1:9",
    "BFL_EXTRA_HOSTS": "127.0.0.1:9",
    "S3_BUCKET": "",
}

# Several pytests share a given Redis, each with a database of its own: they empty it between tests.
if os.environ.get("REDIS_URL") and (worker := os.environ.get("PYTEST_XDIST_WORKER")):
    os.environ["REDIS_URL"] += f"?db={2 + int(worker.removeprefix('gw'))}"

from fluxsite.settings import *  # noqa: E402, F403

# WhiteNoise warns of a missing folder.
STATIC_ROOT.mkdir()  # noqa: F405
# A file, because threads that share a database in memory do not wait for each other.
if "sqlite" in DATABASES["default"]["ENGINE"]:  # noqa: F405
    DATABASES["default"]["ENGINE"] = "tests.sqlite"  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": f"{DATA_FOLDER.name}/test.sqlite3"}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "fluxsite.storage.AtomicFileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
