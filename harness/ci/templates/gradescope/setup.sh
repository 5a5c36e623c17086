#!/usr/bin/env bash
# Written by "labs ci gradescope". Gradescope runs it once, as root, when it builds the image of the autograder: it
# installs Go and what the labs need, takes the course, builds labs, and judges the course's own answers, which shows
# that the image can judge and leaves what was compiled for those who hand in.
#
# AUTOGRADER is for trying it elsewhere.
set -euo pipefail
[[- if .Course]]
COURSE=[[.Server]]/[[.Course]].git # it has to be public: an image has no secret of yours
REF=[[or .Ref "HEAD"]]
[[- end]]
LABS="[[join .Labs " "]]" # the labs that are graded; none is all of them
GO=[[.Go]] # or a newer one, if the course's go.mod wants it

root=${AUTOGRADER:-/autograder}
# Not named labs: what lies below such a folder is taken for a learner's code, and Go lies here, too.
course=$root/grading/course
rm -rf "$root/grading"
mkdir -p "$root/grading" "$course"

packages="ca-certificates curl git gcc libc6-dev"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $packages >/dev/null

echo "take the course"
[[- if .Course]]
git init --quiet "$course"
git -C "$course" fetch --quiet --depth 1 "$COURSE" "$REF"
git -C "$course" checkout --quiet --detach FETCH_HEAD
[[- else]]
tar -xzf "$root/source/course.tar.gz" -C "$course"
[[- end]]

# A name is that of a folder, its beginning or its end: b10-token-bucket, b10, token-bucket.
shopt -s nullglob
folders=("$course"/labs/*/lab.yaml)
if [ -n "$LABS" ]; then
  folders=()
  for lab in ${LABS,,}; do
    found=("$course/labs/$lab"/lab.y[a]ml "$course/labs/$lab"-*/lab.yaml "$course"/labs/*-"$lab"/lab.yaml)
    if [ ${#found[@]} = 0 ]; then
      echo "$lab is no lab of the course: write the bundle again with other --labs" >&2
      exit 1
    fi
    folders+=("${found[@]}")
  done
fi
stores=
if grep -q 'needs:.*redis' "${folders[@]}"; then stores="$stores redis-server"; fi
if grep -q 'needs:.*postgres' "${folders[@]}"; then stores="$stores postgresql"; fi
if [ -n "$stores" ]; then
  echo "install$stores"
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $stores >/dev/null
fi

wanted=$(sed -n 's/^go \([0-9.]*\).*/\1/p' "$course/go.mod")
case $wanted in *.*.*) ;; *) wanted=$wanted.0 ;; esac
GO=$(printf '%s\n' "$GO" "$wanted" | sort -V | tail -n 1)
echo "install Go $GO"
curl --fail --silent --show-error --location --retry 3 --output "$root/grading/go.tar.gz" \
  "https://go.dev/dl/go$GO.linux-$(dpkg --print-architecture).tar.gz"
tar -xzf "$root/grading/go.tar.gz" -C "$root/grading"
rm "$root/grading/go.tar.gz"

echo "build labs"
export PATH=$root/grading/go/bin:$PATH GOCACHE=$root/grading/cache GOMODCACHE=$root/grading/mod GOTOOLCHAIN=local
cd "$course"
go mod download
go build -o "$root/grading/bin/labs" ./cmd/labs
go build -o "$root/grading/bin/labs-sandbox" ./cmd/labs-sandbox

if [ -d solutions ]; then
  echo "judge the course's own answers"
  "$root/grading/bin/labs" --course "$course" check ${LABS:---all} --of reference
else # what labs compiles, without running it
  go test -run '^$' ./labs/... >/dev/null
  go test -race -run '^$' ./labs/... >/dev/null
fi
