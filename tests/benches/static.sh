#!/usr/bin/env bash
# The static program in a root that holds nothing else: no libc, no shell, no certificates, no name service.
# Builds it for musl where that target and its compiler are installed (rustup target add, musl-tools), else for glibc
# with the C runtime inside, and starts it there. Usage: static.sh [PROFILE]; for one that is built: DRAGNET=PATH static.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
profile=${1:-thin}
machine=$(uname -m)-unknown-linux
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

build() {
    local triple=$machine-musl
    if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$triple" ] || ! command -v musl-gcc >/dev/null; then
        echo "no musl here (rustup target add $triple; apt-get install musl-tools): glibc instead" >&2
        triple=$machine-gnu
    fi
    # Naming the target keeps build scripts and macros out of it: those cannot be static.
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --profile "$profile" --target "$triple" >&2
    echo "${CARGO_TARGET_DIR:-target}/$triple/$profile/dragnet"
}

fail() {
    echo "static.sh: $1" >&2
    exit 1
}

program=${DRAGNET:-$(build)}
if readelf -d "$program" | grep -q NEEDED; then
    fail "$program needs shared libraries"
fi
root=$work/root
# Some have it where only root looks.
chroot=$(PATH=$PATH:/usr/sbin:/sbin command -v chroot)
mkdir -p "$root/here/docs" "$root/tmp" "$root/site"
cp "$program" "$root/dragnet"
printf '[x](b.md#here) [y](none.md)\n' >"$root/here/docs/a.md"
printf '# Here\n' >"$root/here/docs/b.md"
printf '<a href=page.html>x</a>' >"$root/site/index.html"
printf 'x' >"$root/site/page.html"

inside() {
    if [ "$(id -u)" = 0 ]; then
        env -i "$chroot" "$root" /dragnet "$@"
    else
        env -i "$(command -v unshare)" -r "$chroot" "$root" /dragnet "$@"
    fi
}

inside --version | grep -q '^dragnet ' || fail "it does not start"
code=0
inside check /here/docs -o /here/report.md -f text >"$work/out" 2>"$work/err" || code=$?
[ "$code" = 1 ] || fail "check ended with $code: $(cat "$work/err")"
grep -q 'a.md:1:20: broken file none.md' "$work/out" || fail "check found something else: $(cat "$work/out")"
grep -q '^# 1 broken link' "$root/here/report.md" || fail "there is no report"

python3 -u -m http.server --bind 127.0.0.1 --directory "$root/site" 0 >"$work/server" 2>&1 &
server=$!
port=
for _ in $(seq 100); do
    port=$(sed -n 's/.* port \([0-9]*\).*/\1/p' "$work/server")
    [ -n "$port" ] && break
    sleep 0.1
done
[ -n "$port" ] || fail "the server does not start: $(cat "$work/server")"
inside crawl "http://127.0.0.1:$port/" -q --state /here/s.db -f jsonl >"$work/out" || fail "a crawl with a state fails"
grep -q '"outcome":"ok"' "$work/out" || fail "the crawl found nothing"

# Names: none without files, and those of /etc/hosts with it, as a container has it.
code=0
inside fetch -q "http://one.test:$port/" -f jsonl >"$work/out" || code=$?
[ "$code" = 1 ] && grep -q '"kind":"dns"' "$work/out" || fail "a name without a name service: $code $(cat "$work/out")"
mkdir "$root/etc"
printf '127.0.0.1 one.test\n' >"$root/etc/hosts"
inside fetch -q "http://one.test:$port/" >/dev/null || fail "/etc/hosts is not read"

# Certificates: the server speaks no TLS, which can only be found out by a client that has roots to begin with.
code=0
inside fetch -q "https://127.0.0.1:$port/" -f jsonl >"$work/out" || code=$?
[ "$code" = 1 ] && grep -q '"kind":"tls"' "$work/out" || fail "TLS without certificates on disk: $code $(cat "$work/out")"

# Records that wait for others go to a file.
printf 'http://127.0.0.1:%s/%s\n' "$port" page.html "$port" page.html |
    inside fetch --unique --ordered -f jsonl >"$work/out" 2>"$work/err" || fail "$(cat "$work/err")"
[ "$(wc -l <"$work/out")" = 2 ] || fail "not every line has its record"
echo "static: $(du -h "$program" | cut -f1), starts and works in an empty root ($program)"
