# Kills the instances of a server that died: one that computes without a pause never sees that its pipe has closed. The
# server tells us process groups, "+ 123" and "- 123"; however it ends, our standard input does too.
trap '' INT TERM HUP
groups=
while read -r sign group; do
  kept=
  for one in $groups; do [ "$one" = "$group" ] || kept="$kept $one"; done
  groups=$kept
  [ "$sign" = - ] || groups="$groups $group"
done
for one in $groups; do kill -KILL "-$one" 2>/dev/null; done
