# Runs postgres for as long as somebody holds our standard input open. When the parent dies, however it dies, the pipe
# closes, and postgres is stopped at once (SIGINT: sessions are ended, the data is written), so no orphan stays behind.
"$@" </dev/null 3<&- &
server=$!
trap 'kill -INT $server 2>/dev/null' TERM INT
{
  cat >/dev/null
  # Said again until it is heard: a server that is only just starting ignores the signal. After 30 s, SIGQUIT, which
  # leaves the writing to the recovery of the next start.
  tries=0
  while [ $tries -lt 150 ] && kill -INT $server 2>/dev/null; do
    tries=$((tries + 1))
    sleep 0.2
  done
  [ $tries -lt 150 ] || kill -QUIT $server 2>/dev/null
} <&3 &
watcher=$!
# After the watcher is there: if nobody reads this any more, the line ends us.
echo "postmaster $server"
wait $server
status=$?
while kill -0 $server 2>/dev/null; do wait $server; status=$?; done
kill $watcher 2>/dev/null
exit $status
