#!/bin/sh
# Takes the example project through what Pivot promises, in a new directory, and fails where a promise is not kept.
# usage: sh docs/tour.sh DIR    (an earlier DIR of the tour is replaced; `pivot` must be on PATH)
set -eu

project=${1:?usage: sh docs/tour.sh DIR}
if [ -e "$project" ] && [ ! -e "$project/data/raw/seattle-weather.csv" ]; then
    echo "error: '$project' holds something else" >&2
    exit 2
fi
said=$(mktemp)
trap 'rm -f "$said"' EXIT

say() { printf '\n# %s\n' "$1"; }

# Prints a command, then runs it; its output is shown and kept in $said.
run() {
    printf '$ %s\n' "$1"
    { sh -c "$1" 2>&1 || echo "exit code $?"; } | tee "$said"
}

# Fails unless a line of the last output is this pattern.
expect() {
    grep -Eqx -- "$1" "$said" || { printf 'error: expected "%s"\n' "$1" >&2; exit 1; }
}

say 'Twelve stages on four years of weather. The first time, all of them run.'
rm -rf "$project"
run "pivot demo '$project'"
expect 'done in .*: 12 ran'
cd "$project"

say 'Nothing changed: nothing runs.'
run 'pivot repro'
expect 'up to date: 12 stages'

say 'A comment is no change either.'
cp weather.py weather.before
run 'echo "# a remark" >> weather.py'
run 'pivot repro'
expect 'up to date: 12 stages'

say 'A helper in another module is edited. Who needs it, and what exactly changed?'
run "sed 's/row\[\"wind\"\]/row[\"wind\"].strip()/' weather.before > weather.py"
run 'pivot status'
expect '.* 2 would run, .*'
run 'pivot explain clean'
expect '.* code changed: weather.parse_day .*'

say 'Exactly its two users run. They write the same bytes, so nothing after them does.'
run 'pivot repro'
expect 'done in .*: 2 ran, 10 same'

say 'The edit is undone: that was seen before, so the results are taken from the cache.'
run 'mv weather.before weather.py'
run 'pivot repro'
expect 'done in .*: 2 restored, 10 same'

say 'An output is lost, another is damaged: both are restored.'
run 'rm data/clean.csv'
run 'echo nonsense > models/day.json'
run 'pivot repro'
expect 'done in .*: 2 restored, 10 same'

say 'The graph, drawn from the files that stages read and write. Everything is up to date.'
run 'pivot dag'
run 'pivot status'
expect 'up to date: 12 stages'

say 'And does it rain tomorrow?'
run 'cat reports/tomorrow.txt'
expect '.+'
