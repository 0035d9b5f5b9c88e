#!/bin/bash
# Usage: merged.sh BASE HEAD. Check out what a merge of two commits gives on a server, which runs no merge driver, and print
# MDREPO_BASE=their merge base. HEAD is kept where it is that merge already.
set -euo pipefail
base=$(git rev-parse --verify --quiet "$1^{commit}") && head=$(git rev-parse --verify --quiet "$2^{commit}") || {
  echo "mdrepo: $1 or $2 is not in this clone: fetch all of the history (fetch-depth: 0, GIT_DEPTH: 0)" >&2
  exit 3
}
merge_base=$(git merge-base "$base" "$head") || {
  echo "mdrepo: the two branches have no common commit in this clone: fetch all of the history" >&2
  exit 3
}
parents=$(git rev-list --parents -n1 HEAD | cut -d' ' -f2-)
if [ "$parents" != "$base $head" ]; then
  if ! tree=$(git -c merge.mdrepo.driver= merge-tree --write-tree "$base" "$head"); then
    echo "mdrepo: the branches do not merge as text, as this server merges them: $(sed -n '/^CONFLICT/p' <<< "$tree" | head -n 3)" >&2
    echo "  merge the target branch into yours with 'mdrepo merge', which merges field by field, and push" >&2
    exit 1
  fi
  names=(-c user.name=mdrepo -c user.email=mdrepo@localhost)
  commit=$(git "${names[@]}" commit-tree "$tree" -p "$base" -p "$head" -m "The result of the merge")
  git checkout --quiet --detach "$commit"
fi
echo "MDREPO_BASE=$merge_base"
