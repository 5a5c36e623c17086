# Which labs to grade: those that were asked for, or else those whose files differ from the course's stub and, where
# there is something to compare with, have changed since. Names of the submission's own files are never printed.
base=
if [ -n "$BASE" ] && git -C "$SUBMISSION" cat-file -e "$BASE^{commit}" 2>/dev/null; then base=$BASE; fi
touched() { # touched LAB: is a file of it other than the stub? What is not there was taken away, if ever it was.
  if [ ! -e "$SUBMISSION/labs/$1" ]; then [ -n "$base" ]; return; fi
  for stub in "$COURSE/labs/$1/.stub"/*; do
    mine=$SUBMISSION/labs/$1/$(basename "$stub")
    if [ -L "$mine" ] || ! cmp -s "$stub" "$mine"; then return 0; fi
  done
  return 1
}
changed() { # changed LAB: is a file of it other than at the base?
  [ -z "$base" ] || [ -n "$(git -C "$SUBMISSION" diff --name-only "$base...HEAD" -- "labs/$1" \
    ":(exclude)labs/$1/lab.yaml" ":(exclude)labs/$1/*_test.go" ":(exclude)labs/$1/*.md" ":(exclude)labs/$1/.stub")" ]
}
names=$(printf %s "$ASKED" | tr 'A-Z,' 'a-z ' | tr -cd 'a-z0-9 -')
means() { # means NAME LAB: b10, b10-token-bucket and token-bucket mean the same lab.
  case $2 in "$1" | "$1"-* | *-"$1") return 0 ;; esac
  return 1
}
asked() { # asked LAB: does one of the names mean it?
  for name in $names; do
    if means "$name" "$1"; then return 0; fi
  done
  return 1
}
unknown= # the names that mean no lab
for name in $names; do
  known=
  for yaml in "$COURSE"/labs/*/lab.yaml; do
    if means "$name" "$(basename "$(dirname "$yaml")")"; then known=yes; fi
  done
  if [ -z "$known" ]; then unknown="$unknown $name"; fi
done
labs=
for yaml in "$COURSE"/labs/*/lab.yaml; do
  lab=$(basename "$(dirname "$yaml")")
  if [ -n "$ASKED" ]; then
    if asked "$lab"; then labs="$labs $lab"; fi
  elif touched "$lab" && changed "$lab"; then
    labs="$labs $lab"
  fi
done
labs=${labs# }
# The submission as it is graded: the folders of these labs alone.
rm -rf graded
mkdir -p graded/labs reports
for lab in $labs; do
  if [ -d "$SUBMISSION/labs/$lab" ] && [ ! -L "$SUBMISSION/labs" ] && [ ! -L "$SUBMISSION/labs/$lab" ]; then
    cp -RP "$SUBMISSION/labs/$lab" graded/labs/
  fi
done
