"""Django's settings: glue between `core.config` (the environment) and the apps. Nobody imports this file by hand."""

import os
from pathlib import Path

from controller.core import config as configuration

LOALANG = configuration.read(os.environ)
"""The installation's `Config`; apps read it as `django.conf.settings.LOALANG`."""

SECRET_KEY = configuration.secret_key(LOALANG)
DEBUG = LOALANG.debug
ALLOWED_HOSTS = list(LOALANG.hosts)
CSRF_TRUSTED_ORIGINS = list(LOALANG.origins)

# In the order in which they stand on one another; templates of console are found by all.
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "controller.jobs",
    "controller.outbox",
    "controller.units",
    "controller.accounts",
    "controller.pki",
    "controller.boxes",
    "controller.trust",
    "controller.library",
    "controller.schedules",
    "controller.orders",
    "controller.live",
    "controller.reports",
    "controller.console",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "controller.console.static_files.static_files",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "controller.console.middleware.cookie_language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "controller.accounts.middleware.require_login",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "controller.console.middleware.content_security_policy",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "controller.urls"
ASGI_APPLICATION = "controller.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "controller.console.context.navigation",
            ],
            "builtins": ["controller.console.templatetags.console"],
        },
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": LOALANG.database,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
        },
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.Person"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "controller.accounts.passwords.NotLikeThePerson"},
    {"NAME": "controller.accounts.passwords.NotTooShort", "OPTIONS": {"min_length": 10}},
    {"NAME": "controller.accounts.passwords.NotCommon"},
]
CSRF_FAILURE_VIEW = "controller.console.views.stale_form"
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "console:home"
LOGOUT_REDIRECT_URL = "accounts:login"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LOALANG.behind_tls
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "vi"
LANGUAGES = [("vi", "Tiếng Việt"), ("en", "English")]
LANGUAGE_COOKIE_NAME = "loalang_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LOCALE_PATHS = [Path(__file__).parent / "core" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Ho_Chi_Minh"

STATIC_URL = "/static/"
# Read once, at the start, from the packages (`console.static_files`).
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = LOALANG.debug
WHITENOISE_ALLOW_ALL_ORIGINS = False

DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
