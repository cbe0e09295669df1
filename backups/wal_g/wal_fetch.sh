# Fetches one file of the log with WAL-G, for PostgreSQL: sh wal_fetch.sh NAME DESTINATION WAL-G [OPTIONS]
#
# PostgreSQL takes every exit code from 1 to 125 for "the archive has no such file", ends recovery there and opens the
# server without whatever was behind it. WAL-G ends with 1 for any error; from version 3 with 74 where there is no such file.
# So: 0 where the file lies there, 1 where the archive says that it has none, 255 for all else, after a few tries: then
# recovery stops with an error, and can be begun again.
#
# A shell script, as a server's account may not reach our Python, and as it starts once for every 16 MB.
name=$1 to=$2
shift 2
case $name in '' | *[!0-9A-Za-z.]*) echo "lifecycle wal-fetch: no name of a file of the log" >&2; exit 255 ;; esac
if [ -e "$to" ]; then echo "lifecycle wal-fetch: $to is there already" >&2; exit 255; fi
said=$(mktemp) || exit 255
trap 'rm -f "$said"' EXIT
for pause in ${LIFECYCLE_WAL_FETCH_PAUSES:-0 1 2 4}; do
    sleep "$pause"
    # A file, no pipe: WAL-G's child that fetches ahead outlives it, and would hold a pipe open.
    timeout -k 5 "${LIFECYCLE_WAL_FETCH_LIMIT:-600}" "$@" wal-fetch "$name" "$to" >/dev/null 2>"$said"
    code=$?
    if [ "$code" = 0 ] && [ -s "$to" ]; then exit 0; fi
    rm -f "$to"
    if [ "$code" = 74 ]; then exit 1; fi
    # By this name: that child says the same of files that nobody asked for.
    if [ "$code" = 1 ] && grep -qF "Archive '$name' does not exist" "$said"; then exit 1; fi
    echo "lifecycle wal-fetch: wal-g ended with $code for $name: $(tail -c 300 "$said" | tr '\n' ' ')" >&2
done
exit 255
