#!/bin/sh
# The schema registry's own database and role; the postgres image runs this once, when it makes its data.
set -eu
psql --username postgres --dbname postgres --set ON_ERROR_STOP=1 --set password="$REGISTRY_PASSWORD" <<'SQL'
CREATE ROLE registry LOGIN PASSWORD :'password';
CREATE DATABASE registry OWNER registry;
SQL
