"""What a process that we start hears of our environment: the names written out here, and the secrets it is given.

Our own may hold an administrator's password, or another system's: a name that nobody has thought of is not passed on.
"""

from collections.abc import Iterable, Mapping

from lifecycle.settings.model import Secret

PLAIN = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "TZ", "TMPDIR", "CREDENTIALS_DIRECTORY",
    "LANG", "LANGUAGE", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_NUMERIC", "LC_TIME",
    "PYTHONPATH", "PYTHONHOME", "PYTHONUNBUFFERED", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
})  # fmt: skip
"""What every program of ours may need: where things are, how it speaks, whom it trusts."""

SETTINGS = frozenset({
    "LIFECYCLE_SETTINGS", "LIFECYCLE_POLICY", "LIFECYCLE_DSN", "LIFECYCLE_REFERENCE_KEY_FILE",
})  # fmt: skip
"""Where our settings are. `LIFECYCLE_ADMIN_DSN` is for `init` alone."""

LIBPQ = frozenset({
    "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE",
    "PGSYSCONFDIR", "PGOPTIONS", "PGCHANNELBINDING", "PGREQUIREAUTH", "PGREQUIREPEER", "PGTARGETSESSIONATTRS",
    "PGLOADBALANCEHOSTS", "PGCONNECT_TIMEOUT", "PGCLIENTENCODING", "PGSSLMODE", "PGSSLNEGOTIATION", "PGSSLCERT",
    "PGSSLKEY", "PGSSLROOTCERT", "PGSSLCRL", "PGSSLCRLDIR", "PGSSLSNI", "PGSSLCERTMODE",
    "PGSSLMINPROTOCOLVERSION", "PGSSLMAXPROTOCOLVERSION", "PGGSSENCMODE", "PGKRBSRVNAME", "PGGSSLIB",
    "PGGSSDELEGATION",
})  # fmt: skip
"""libpq's own places (PostgreSQL's manual, "Environment Variables"), but for the password."""

PASSWORD = frozenset({"PGPASSWORD"})

AWS = frozenset({
    "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_PROFILE", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3", "AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
})  # fmt: skip
"""What boto3's chain of credentials reads."""


def inherited(
    ours: Mapping[str, str], names: frozenset[str], secrets: Iterable[Secret] = ()
) -> dict[str, str]:
    """Return what of `ours` is called so, is plain, or holds one of these secrets."""
    heard = PLAIN | names | {secret.env for secret in secrets if secret.env}
    return {name: value for name, value in ours.items() if name in heard}
