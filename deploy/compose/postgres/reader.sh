#!/bin/bash
# A streaming replica: copies the primary at its first start, then follows it.
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  rm -rf "$PGDATA.new"
  # -R writes standby.signal and the connection, with its password, into the copy.
  PGPASSWORD=$POSTGRES_REPLICATION_PASSWORD pg_basebackup -h "$PRIMARY_HOST" -U replicator -D "$PGDATA.new" -R -X stream -c fast
  chmod 700 "$PGDATA.new"
  rm -rf "$PGDATA"
  mv "$PGDATA.new" "$PGDATA" # whole or not at all
fi
exec "$@"
