#!/bin/sh
# Handler of kind `deploy`. Its input says what is to be deployed. It runs twice: the first time it
# asks for approval and ends, which costs nothing while people think; the second time two of the
# three have approved, and it deploys. After an hour without them it is cancelled.
set -eu
ffctl=${FFCTL:-ffctl}
what=$(cat)

if [ "${FF_SIGNAL_COUNT:-0}" -eq 0 ]; then
    # The tokens that it prints are for senders outside; here operators use `ffctl approve`.
    "$ffctl" suspend --reason waiting_for_approval \
        --on alice=approved --on bob=approved --on carol=approved --wanted 2 \
        --within "${FF_TAG_DEPLOY_WITHIN:-1h}" --then cancel >/dev/null
    exit 0
fi

by=
i=0
while [ "$i" -lt "$FF_SIGNAL_COUNT" ]; do
    eval "by=\"\$by \$FF_SIGNAL_${i}_SOURCE\""
    i=$((i + 1))
done
# Here the real work would be done.
echo "deployed $what, approved by$by"
