#!/bin/sh
# Copies the tables of a haochaping database to files, or files into an empty database, over ClickHouse's HTTP port:
#   CLICKHOUSE_USER=haochaping CLICKHOUSE_PASSWORD=… backup.sh save    http://127.0.0.1:8123 haochaping FOLDER
#   CLICKHOUSE_USER=haochaping CLICKHOUSE_PASSWORD=… backup.sh restore http://127.0.0.1:8123 haochaping FOLDER
# Any version of the server takes what any other gave. Run `haochaping migrate` on the empty database first. Needs curl.
# Workers may go on meanwhile: `haochaping rewind --since` the time `save` prints brings a restored database up to date.
# That time is an hour before the start: what Kafka had by then must be in ClickHouse, so save while there is no lag.
set -eu
umask 077  # comments and pseudonyms
what=$1 url=$2 database=$3 folder=$4

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

fail() {
  echo "backup.sh: $*" >&2
  exit 1
}

# ask QUERY FILE [OPTION…]: what the server answers goes to the file.
# wait_end_of_query: the server begins to answer when it has the whole answer (in its tmp_path). Otherwise what goes wrong
# midway, when 200 has been said already, is text at the end of a file that looks well.
# The password goes by standard input: arguments are for everyone on the machine to see.
ask() {
  query=$(printf '%s' "$1" | tr ' ' '+') file=$2
  shift 2
  status=$(printf 'header = "X-ClickHouse-User: %s"\nheader = "X-ClickHouse-Key: %s"\n' "$CLICKHOUSE_USER" "$CLICKHOUSE_PASSWORD" |
    curl --config - --silent --show-error --output "$file" --write-out '%{http_code}' \
      --request-target "/?database=$database&max_execution_time=0&wait_end_of_query=1&query=$query" "$@" "$url")
  [ "$status" = 200 ] || fail "ClickHouse answers $status: $(head -c 2000 "$file")"
}

# Of equal keys one row counts: merging takes the others away, so that without FINAL a number would not stay.
count() {
  ask "SELECT count() FROM $1 FINAL" "$answer"
  cat "$answer"
}

tables="reviews daily_cells cases alerts"
case $what in
  save)
    since=$(TZ=AGO1 date +%Y-%m-%dT%H:%M:%S+00:00)  # UTC, an hour ago: every `date` can do this
    mkdir -p "$folder"
    rm -f "$folder/since"  # what an earlier save left is no finished backup any more
    for table in $tables; do
      count "$table" > "$folder/$table.rows"  # before the copy: workers only add to it
      ask "SELECT * FROM $table FORMAT Native" "$folder/$table.native.part"
      mv "$folder/$table.native.part" "$folder/$table.native"
    done
    echo "$since" > "$folder/since"
    echo "saved; later: haochaping rewind --since $since"
    ;;
  restore)
    [ -f "$folder/since" ] || fail "$folder is no finished backup"
    for table in $tables; do
      held=$(count "$table")
      [ "$held" = 0 ] || fail "$database.$table is not empty"
    done
    for table in $tables; do
      ask "INSERT INTO $table FORMAT Native" "$answer" --request POST --upload-file "$folder/$table.native"
      held=$(count "$table") saved=$(cat "$folder/$table.rows" 2>/dev/null || echo 0)  # an older backup has no number
      [ "$held" -ge "$saved" ] || fail "$database.$table has $held rows, and had $saved when it was saved"
    done
    echo "restored; next: haochaping rewind --since $(cat "$folder/since")"
    ;;
  *) echo "backup.sh: save or restore, not $what" >&2; exit 2 ;;
esac
