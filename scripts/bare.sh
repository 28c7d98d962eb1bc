# Functions for scripts/fresh.sh and scripts/image.sh: a bare installation of this machine's Debian or Ubuntu
# release, made by debootstrap. It is kept in .bare/ for the next of the two, without any setting of this machine.
# A script that reads this sets `program` (its name in messages) and `optional` (yes: what is missing on this
# machine ends the script well, with one line).

packages=python3,python3-venv,make,ca-certificates,git

say() { printf '%s\n' "$program: $*" >&2; }

# What is missing on this machine is no fault of the checkout.
impossible() {
    if [ "$optional" = yes ]; then
        say "left out: $*"
        exit 0
    fi
    say "$*"
    exit 2
}

apt_install() {
    apt-get update || true
    DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=60 install --no-install-recommends "$@"
}

check_debootstrap() {
    [ "$(id -u)" = 0 ] || impossible "only root can make a bare installation: sudo make $program"
    command -v apt-get >/dev/null || impossible "the bare installation is made on Debian or Ubuntu only"
    command -v debootstrap >/dev/null || apt_install debootstrap >/dev/null 2>&1 </dev/null ||
        impossible "debootstrap could not be installed: apt-get install debootstrap"
}

# The mirror from which this machine gets its own release.
find_mirror() {
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
        awk -v release="$release" '$1 == release { print $2; exit }')
    [ -n "$mirror" ] || impossible "apt-get knows no package source of $release"
}

# Into the empty folder $root. An archive of the last seven days is used again.
make_bare_root() {
    archive=.bare/$release.tar
    if [ -n "$(find "$archive" -mtime -7 2>/dev/null)" ]; then
        tar -C "$root" -xf "$archive"
        return
    fi
    say "making a bare $release in $root ..."
    debootstrap --variant=minbase --include="$packages" "$release" "$root" "$mirror" >"$root.log" 2>&1 || {
        tail -n 5 "$root.log" >&2
        impossible "debootstrap could not make a bare $release from $mirror"
    }
    mkdir -p .bare
    tar -C "$root" --exclude=./dev/* --exclude=./proc/* --exclude=./var/cache/apt/archives/*.deb -cf "$archive.$$" .
    mv "$archive.$$" "$archive"
}

# Folders and files keep their paths. Those of the home directory are root's on both sides.
copy_settings() {
    for path in /etc/apt /usr/share/keyrings /usr/local/share/ca-certificates /etc/ssl/certs/ca-certificates.crt \
        /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/xdg/pip /etc/uv "$HOME/.config/pip" "$HOME/.pip" "$HOME/.config/uv"; do
        if [ -e "$path" ]; then
            mkdir -p "$root$(dirname "$path")"
            cp -RL "$path" "$root$(dirname "$path")/"
        fi
    done
    mkdir -p "$root$HOME"
}

# The environment of the commands: nothing of this shell but what says how packages are had.
settings() {
    env | grep -E '^(PIP_|UV_|SSL_CERT_|REQUESTS_CA_BUNDLE=|CURL_CA_BUNDLE=|(https?|all|no)_proxy=|(HTTPS?|ALL|NO)_PROXY=)' || true
}
