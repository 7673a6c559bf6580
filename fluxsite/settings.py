"""The only settings file. What an operator sets comes from the environment (docs/configuration.md);
everything else is a constant here."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import django_stubs_ext
import dotenv
from csp.constants import NONE, SELF

from fluxsite import env

# Lets classes such as ModelAdmin[Generation] be written with their types.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
dotenv.load_dotenv(BASE_DIR / ".env")
VERSION: str = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]

# Core

DATA_DIR = (BASE_DIR / env.text("DATA_DIR", "var")).resolve()
DEBUG = env.flag("DEBUG", False)
SECRET_KEY = env.secret_key(DATA_DIR)
SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
PORT = env.whole("PORT", 8000, minimum=1)
PUBLIC_URL = env.origin("PUBLIC_URL")
IS_HTTPS = PUBLIC_URL.startswith("https://")
# How many web servers in front of this one add to X-Forwarded-For; their word on https counts as well.
TRUSTED_PROXIES = env.whole("TRUSTED_PROXIES", 1 if IS_HTTPS else 0)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
ROOT_URLCONF = "fluxsite.urls"
WSGI_APPLICATION = "fluxsite.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = env.zone("TIME_ZONE", "UTC")
USE_TZ = True

INSTALLED_APPS = [
    "fluxsite.accounts",
    "fluxsite.ops",
    "generations",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "allauth",
    "allauth.account",
    "django_rq",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "fluxsite.middleware.bodiless_heads",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "fluxsite.middleware.isolation_headers",
    "fluxsite.middleware.private_pages",
    "fluxsite.request_text.RequestTextMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "fluxsite.middleware.login_for_fragments",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "generations.context_processors.frame",
            ],
        },
    },
]

# Database. IMMEDIATE is what makes SQLite's writers wait for each other instead of failing, and it is also
# the lock that ledger and claims rely on there: see docs/decisions/0002. FULL, since a claim that a power cut
# took back would be submitted to BFL a second time.

DATABASES: dict[str, Any] = {
    "default": env.database("DATABASE_URL", f"sqlite:///{quote(str(DATA_DIR / 'db.sqlite3'))}")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }

# It holds the counts of log-in tries only. In the database, so that people can log in while Redis is away.

CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}

# Redis. Without REDIS_URL everything meets at the socket of the Redis that `make run` starts.

REDIS_SOCKET = DATA_DIR / "redis" / "redis.sock"
REDIS_URL = env.text("REDIS_URL", f"unix://{quote(str(REDIS_SOCKET))}")
RQ_QUEUES = {name: {"URL": REDIS_URL} for name in ("follow", "store", "default", "last", "renditions")}
RQ_SHOW_ADMIN_LINK = False

# Files

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = DATA_DIR / "media"
S3_BUCKET = env.text("S3_BUCKET")
S3_ENDPOINT = env.origin("S3_ENDPOINT", "https://s3.amazonaws.com")
S3_REGION = env.text("S3_REGION", "us-east-1")
S3_ACCESS_KEY_ID = env.text("S3_ACCESS_KEY_ID")
S3_SECRET_ACCESS_KEY = env.text("S3_SECRET_ACCESS_KEY")
STORAGES = {
    "default": {
        "BACKEND": "fluxsite.s3.S3Storage" if S3_BUCKET else "fluxsite.storage.AtomicFileSystemStorage"
    },
    "staticfiles": {"BACKEND": "fluxsite.storage.ModuleManifestStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# A wall names each picture that was chosen; the size above lets some 23,000 pass.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 25_000
ACCEL_REDIRECT = env.text("ACCEL_REDIRECT")
DOWNLOAD_NAMES = env.text("DOWNLOAD_NAMES", "{date} {prompt} {seed}")

# People

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "studio"
ACCOUNT_ADAPTER = "fluxsite.accounts.adapter.ClosedSignUpAdapter"
ACCOUNT_FORMS = {"login": "fluxsite.accounts.forms.LoginForm"}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/?signed-out"
ACCOUNT_SESSION_REMEMBER = True
# Limits of tries count by address, which behind a web server is the one that it forwards.
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES

# Security. Secure cookies and HTTPS-only rules hold as soon as PUBLIC_URL says https.

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
# Browsers tell hosts apart by name and not by port: two sites on one host would log each other out.
_COOKIES_OF = f"-{urlsplit(PUBLIC_URL).port or ''}".rstrip("-") if PUBLIC_URL else f"-{PORT}"
SESSION_COOKIE_NAME = f"{'__Host-' if IS_HTTPS else ''}sessionid{_COOKIES_OF}"
CSRF_COOKIE_NAME = f"{'__Host-' if IS_HTTPS else ''}csrftoken{_COOKIES_OF}"
CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = IS_HTTPS
# The web server in front speaks plain HTTP to us from this machine; it answers /healthz for its own checks.
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS and TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if IS_HTTPS else 0
# Other sites below this one's domain are not ours to bind (INCLUDE_SUBDOMAINS, PRELOAD).
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", *([S3_ENDPOINT] if S3_BUCKET else [])],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}

# Logs

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "one_line": {"()": "fluxsite.ops.redis_away.OneLineFilter"},
        "redact": {"()": "fluxsite.redaction.RedactingFilter"},
    },
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["one_line", "redact"],
        }
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "generations": {"level": "INFO"},
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}

# BFL

BFL_API_KEY = env.text("BFL_API_KEY")
BFL_API_BASE = env.origin("BFL_API_BASE", "https://api.bfl.ai")
# BFL is never on this machine; only a proxy to it may be, and then the variable says so.
BFL_IS_SANDBOX = env.flag("BFL_IS_SANDBOX", default=env.is_loopback(BFL_API_BASE))
BFL_EXTRA_HOSTS = env.words("BFL_EXTRA_HOSTS")
BFL_MAX_ACTIVE = env.whole("BFL_MAX_ACTIVE", 24, minimum=1)
BFL_LOW_BALANCE = env.whole("BFL_LOW_BALANCE", 500)
BFL_MAX_ACTIVE_KONTEXT_MAX = env.whole("BFL_MAX_ACTIVE_KONTEXT_MAX", 6, minimum=1)

# Pictures. The largest that BFL makes today is 4 MP; a 4 MP PNG of pure noise is 12 MiB.

IMAGE_MAX_BYTES = 25 * 1024 * 1024
# What is uploaded is only looked at. This handler drops what is larger; Django's other one, left out, would
# write it to the disk before anybody is asked.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = IMAGE_MAX_BYTES
IMAGE_MAX_PIXELS = 12_000_000
TRASH_DAYS = env.whole("TRASH_DAYS", 30, minimum=1)
