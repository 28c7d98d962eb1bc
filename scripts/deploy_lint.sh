#!/bin/sh
# Checks what users deploy: the CloudFormation templates with cfn-lint and checkov, the Terraform modules with
# checkov and terraform fmt, the state machine with asl-validator. The linters have an environment of their own,
# .lint, made from deploy/lint/requirements.lock and deploy/lint/package-lock.json.
# An exception from a rule of checkov is in the template, in the Metadata of its resource, with its reason.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
failed=0

say() { printf '%s\n' "deploy-lint: $*" >&2; }

check() {
    name=$1
    shift
    if output=$("$@" 2>&1); then
        say "$name: passed"
    else
        printf '%s\n' "$output" >&2
        say "$name: FAILED"
        failed=1
    fi
}

install_linters() {
    stamp=$(cat deploy/lint/requirements.lock deploy/lint/package-lock.json | cksum)
    [ "$(cat .lint/installed.stamp 2>/dev/null)" = "$stamp" ] && return
    "$python" -m venv --clear --without-pip .lint
    .venv/bin/uv pip install --quiet --python .lint/bin/python --require-hashes -r deploy/lint/requirements.lock || {
        say "the linters of deploy/lint/requirements.lock could not be installed; see uv's message above"
        exit 2
    }
    if command -v npm >/dev/null; then
        cp deploy/lint/package.json deploy/lint/package-lock.json .lint/
        (cd .lint && npm ci --silent --no-audit --no-fund --ignore-scripts --omit-lockfile-registry-resolved) || {
            say "asl-validator could not be installed; see npm's message above"
            exit 2
        }
    fi
    echo "$stamp" >.lint/installed.stamp
}

# LOG_LEVEL: without it, checkov says that it could not reach its own server, which it is not to reach.
checkov() {
    LOG_LEVEL=CRITICAL .lint/bin/checkov --quiet --compact --skip-download "$@"
}

# Placeholders become what CloudFormation puts there.
validate_state_machine() {
    sed -e 's/\${MaxConcurrency}/8/g' -e 's/\${WorkBucket}/work-bucket/g' \
        -e 's/\${Function}/arn:aws:lambda:eu-west-1:111111111111:function:scan/g' deploy/scan.asl.json >.lint/scan.asl.json
    node .lint/node_modules/asl-validator/dist/bin/asl-validator.js --json-path .lint/scan.asl.json
}

install_linters
check cfn-lint .lint/bin/cfn-lint deploy/*.yaml
check "checkov (CloudFormation)" checkov --framework cloudformation -f deploy/*.yaml
if [ -x .lint/node_modules/.bin/asl-validator ]; then
    check asl-validator validate_state_machine
else
    say "asl-validator: left out, npm is not installed"
fi
check "checkov (Terraform)" checkov --framework terraform -d deploy/terraform
if command -v terraform >/dev/null; then
    check "terraform fmt" terraform fmt -check -recursive -diff deploy/terraform
else
    say "terraform fmt: left out, terraform is not installed"
fi
exit "$failed"
