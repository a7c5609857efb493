#!/usr/bin/env bash
# Crawls documentation that nobody here wrote, from Debian's packages, served by nginx on loopback, and compares
# the pages with what an independent crawler (reachable.py) and `wget2 -r` find. `--quick`: only the first of three sites.
#
#   DRAGNET=path/to/dragnet tests/benches/real-site.sh [--quick]
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-target}
cache=$target/real-site
sites=(pg)
[ "${1:-}" = --quick ] || sites+=(py rs)

for tool in nginx dpkg apt-get python3; do
    command -v "$tool" >/dev/null || {
        echo "skipped: $tool is not installed (Debian: apt-get install nginx-light python3)"
        # CI runs everything: there it is a fault.
        exit $([ -n "${CI:-}" ] && echo 1 || echo 0)
    }
done
wget2=$(command -v wget2 || true)
if [ -z "$wget2" ]; then
    echo "skipped: no comparison with wget2, which is not installed (Debian: apt-get install wget2)"
    [ -z "${CI:-}" ] || exit 1
fi
if [ -z "${DRAGNET:-}" ]; then
    cargo build --release --locked
    DRAGNET=$target/release/dragnet
fi

package() { case $1 in pg) echo postgresql-doc-15 ;; py) echo python3.11-doc ;; rs) echo rust-doc ;; esac; }
pages() {
    case $1 in
        pg) echo usr/share/doc/postgresql-doc-15/html ;;
        py) echo usr/share/doc/python3.11/html ;;
        rs) echo usr/share/doc/rust-doc/html ;;
    esac
}
start() { case $1 in rs) echo rs/std/index.html ;; *) echo "$1/index.html" ;; esac; }

mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
for site in "${sites[@]}"; do
    if [ ! -d "$cache/$site" ]; then
        name=$(package "$site")
        (
            cd "$cache"
            # A fresh machine has no package lists yet.
            apt-get download "$name" >/dev/null 2>&1 || { apt-get update -qq && apt-get download "$name" >/dev/null; }
            rm -rf "$site.tmp"
            dpkg -x "$name"_*.deb "$site.tmp"
        )
        rm -f "$cache/$name"_*.deb
        mv "$cache/$site.tmp" "$cache/$site"
    fi
done

work=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    [ -z "$server" ] || wait "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
# nginx drops its privileges; what it serves must be readable.
chmod 755 "$work"
mkdir "$work/sites"
for site in "${sites[@]}"; do
    ln -s "$cache/$site/$(pages "$site")" "$work/sites/$site"
done
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/nginx.conf" <<CONF
user $(id -un);
worker_processes 1;
daemon off;
pid $work/nginx.pid;
error_log $work/error.log warn;
events { worker_connections 4096; }
http {
    access_log off;
    log_format asked '\$status\t\$sent_http_content_type\t\$request_method\t\$request_uri';
    map \$http_user_agent \$wget2 { ~*^wget 1; default 0; }
    sendfile on;
    keepalive_requests 100000000;
    client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
    uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
    types { text/html html htm; text/css css; application/javascript js; image/svg+xml svg; image/png png; text/plain txt; }
    default_type application/octet-stream;
    server {
        listen 127.0.0.1:$port; root $work/sites;
        access_log $work/wget2.log asked if=\$wget2;
    }
}
CONF
nginx -p "$work" -e "$work/error.log" -c "$work/nginx.conf" &
server=$!
for _ in $(seq 100); do
    python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null && break
    sleep 0.05
done

failed=0
for site in "${sites[@]}"; do
    url=http://127.0.0.1:$port/$(start "$site")
    out=$work/$site.jsonl
    begin=$(date +%s.%N)
    code=0
    "$DRAGNET" crawl --scope prefix -q -o "$out" "$url" || code=$?
    end=$(date +%s.%N)
    [ "$code" -le 1 ] || { echo "$site: the crawl ended with exit $code"; exit 1; }
    asked=
    if [ -n "$wget2" ]; then
        : >"$work/wget2.log"
        # Its exit code says whether links were broken, which is not asked here.
        wget2 -q -r -l inf --no-parent --no-robots --no-config -P "$work/wget2" "$url" || true
        asked=$work/wget2.log
    fi
    python3 tests/benches/reachable.py "$url" "$out" "$(python3 -c "print(f'{$end - $begin:.2f}')")" $asked || failed=1
done
exit "$failed"
