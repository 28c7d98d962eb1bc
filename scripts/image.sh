#!/bin/sh
# Builds deploy/Dockerfile on a bare installation of this machine's Debian or Ubuntu release, and tests the image:
# tests/image, with the image named in VAULTPROOF_IMAGE. As root; what is missing is installed with apt-get.
# `scripts/image.sh optional` says in one line why it cannot run here, and ends well.
# The storage of the containers is a folder that is removed at the end.
set -eu
cd "$(dirname "$0")/.."
program=image
optional=$([ "${1:-}" = optional ] && echo yes || echo no)
. scripts/bare.sh

check_machine() {
    check_debootstrap
    for command in buildah podman runc; do
        command -v $command >/dev/null || apt_install buildah podman runc >/dev/null 2>&1 </dev/null ||
            impossible "$command could not be installed: apt-get install buildah podman runc"
    done
}

# With the package sources and certificates of this machine, which the build needs. A Dockerfile says that in ENV.
make_base() {
    root=$work/root
    mkdir -p "$root"
    make_bare_root
    copy_settings
    {
        echo "FROM scratch"
        echo "COPY root /"
        settings | sed "s/^\([A-Za-z_]*\)=\(.*\)/ENV \1='\2'/"
    } >"$work/Dockerfile"
    buildah_ bud --quiet --file "$work/Dockerfile" --tag vaultproof-base "$work" >/dev/null
    rm -rf --one-file-system "$root"
}

# Without namespaces of its own, which a container or a CI machine may refuse.
buildah_() {
    BUILDAH_ISOLATION=chroot buildah --root "$work/storage" --runroot "$work/run" "$@"
}

build() {
    say "building deploy/Dockerfile on a bare $release ..."
    buildah_ bud --file deploy/Dockerfile --build-arg BASE=localhost/vaultproof-base --tag vaultproof . \
        >"$work/build.log" 2>&1 || {
        tail -n 30 "$work/build.log" >&2
        say "the image could not be built"
        exit 1
    }
}

run_tests() {
    VAULTPROOF_IMAGE=localhost/vaultproof VAULTPROOF_IMAGE_STORAGE=$work \
        .venv/bin/python -m pytest -q -m image tests/image
}

check_machine
find_mirror
work=$(mktemp -d "${TMPDIR:-/tmp}/vaultproof-image.XXXXXX")
trap 'podman --root "$work/storage" --runroot "$work/run" rm --all --force >/dev/null 2>&1 || true
      umount "$work"/storage/overlay 2>/dev/null || true
      rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM
make_base
build
run_tests
