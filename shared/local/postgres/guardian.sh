# Runs postgres for as long as somebody holds our standard input open. When the parent dies, however it dies, the pipe
# closes, and postgres is stopped at once (SIGINT: sessions are ended, the data is written), so no orphan stays behind.
"$@" </dev/null &
server=$!
trap 'kill -INT $server 2>/dev/null' TERM INT
{ cat >/dev/null; kill -INT $server 2>/dev/null; } <&3 &
watcher=$!
wait $server
status=$?
while kill -0 $server 2>/dev/null; do wait $server; status=$?; done
kill $watcher 2>/dev/null
exit $status
