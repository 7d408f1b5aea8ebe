#!/bin/sh
# Copies the tables of a haochaping database to files, or files into an empty database, over ClickHouse's HTTP port:
#   CLICKHOUSE_USER=haochaping CLICKHOUSE_PASSWORD=… backup.sh save    http://127.0.0.1:8123 haochaping FOLDER
#   CLICKHOUSE_USER=haochaping CLICKHOUSE_PASSWORD=… backup.sh restore http://127.0.0.1:8123 haochaping FOLDER
# Any version of the server takes what any other gave. Run `haochaping migrate` on the empty database first. Needs curl.
# Workers may go on meanwhile: `haochaping rewind --since` the time `save` prints brings a restored database up to date.
# That time is an hour before the start: what Kafka had by then must be in ClickHouse, so save while there is no lag.
set -eu
what=$1 url=$2 database=$3 folder=$4

# The password goes by standard input: arguments are for everyone on the machine to see.
ask() {
  query=$(printf '%s' "$1" | tr ' ' '+')
  shift
  printf 'header = "X-ClickHouse-User: %s"\nheader = "X-ClickHouse-Key: %s"\n' "$CLICKHOUSE_USER" "$CLICKHOUSE_PASSWORD" |
    curl --config - --silent --show-error --fail --request-target "/?database=$database&query=$query" "$@" "$url"
}

tables="reviews daily_cells cases alerts"
case $what in
  save)
    since=$(TZ=AGO1 date +%Y-%m-%dT%H:%M:%S+00:00)  # UTC, an hour ago: every `date` can do this
    mkdir -p "$folder"
    for table in $tables; do
      ask "SELECT * FROM $table FORMAT Native" --output "$folder/$table.native.part"
      mv "$folder/$table.native.part" "$folder/$table.native"
    done
    echo "$since" > "$folder/since"
    echo "saved; later: haochaping rewind --since $since"
    ;;
  restore)
    [ -f "$folder/since" ] || { echo "backup.sh: $folder is no finished backup" >&2; exit 1; }
    for table in $tables; do
      held=$(ask "SELECT count() FROM $table")
      [ "$held" = 0 ] || { echo "backup.sh: $database.$table is not empty" >&2; exit 1; }
    done
    for table in $tables; do
      ask "INSERT INTO $table FORMAT Native" --request POST --upload-file "$folder/$table.native"
    done
    echo "restored; next: haochaping rewind --since $(cat "$folder/since")"
    ;;
  *) echo "backup.sh: save or restore, not $what" >&2; exit 2 ;;
esac
