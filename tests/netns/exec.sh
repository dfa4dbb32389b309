#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# `syngate exec`: a program sees on our sockets what it sees on the kernel's, line for line: data, ends, resets,
# downloads cut short, errors and signals, options, names, copies, children. Worker models; what is left to the kernel and
# why; a daemon that goes; connections of a program's own.
#
#	client                              server
#	  c0 10.9.0.2 fd09::2 ------------ s0 10.9.0.1 fd09::1   syngate *:9
#	  exec.py ask, curl                                      exec.py serve, curl
. "$(dirname "$0")/../lib.sh"
EXEC_PY="$TOP/tests/netns/exec.py"
ASAN=$(ldd "$O/libsyngate-exec.so" | awk '/libasan/ { print $3 }')
# with the sanitizers, a program needs theirs first; what it leaks itself is not ours
export LD_PRELOAD_FIRST=$ASAN ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0

# program COMMAND...: in `server`; PROGRAM, $T/program.{out,err}
program()
{
	: >$T/program.out
	: >$T/program.err
	nsenter --net=/run/netns/server "$@" <$T/never >$T/program.out 2>$T/program.err &
	PROGRAM=$!
}
ended_well()
{
	local rc=0

	await "the program's end" ended $PROGRAM
	wait $PROGRAM || rc=$?
	eq "its exit code" $rc 0
}
kill_program()
{
	kill $PROGRAM
	wait $PROGRAM || :
}
said() { grep -q -- "$1" $T/program.err; }
says() { await "'$1'" said "$1"; }
ready() { await "the program" grep -qx ready $T/program.out; }

net_up
exec 9<>$T/never # an end that is never written to

# --- the same as the kernel's -------------------------------------------------------------------

program $PY "$EXEC_PY" serve
C timeout 60 $PY "$EXEC_PY" ask $S4 || die "the clients, of the kernel's"
ended_well
cp $T/program.out $T/kernel
syngate_start --listen '*:9' --app discard
program syngate exec -- $PY "$EXEC_PY" serve
C timeout 60 $PY "$EXEC_PY" ask $S4 || die "the clients, of ours: $(tail -n 3 $T/program.out)"
ended_well
diff $T/kernel $T/program.out >$T/diff || die "not as the kernel's:
$(cat $T/diff)"
eq "listeners that were taken over" "$(grep -c ': accelerated$' $T/program.err)" 6
say "$(grep -c '^--' $T/kernel) scenes, $(wc -l <$T/kernel) lines, the same as on the kernel's sockets"

# --- workers ------------------------------------------------------------------------------------

for model in pre-fork threads; do
	program syngate exec -- $PY "$EXEC_PY" $model 7200
	ready
	num "$model: who answered" "$(C $PY "$EXEC_PY" many $S4 7200) >= 2"
	kill_program
	[ $model = threads ] || for pid in $(pgrep -f "exec.py $model"); do kill "$pid"; done
	await "the listener to go" eval '! syngate show listeners -j | grep -q 7200'
done

# --- what is left to the kernel, and why ----------------------------------------------------------

program syngate exec --listen '*:7301' -- $PY "$EXEC_PY" threads 7300
ready
eq "one that was not named" "$(wc -c <$T/program.err)" 0
kill_program
program syngate exec -- $PY "$EXEC_PY" threads 9
says 'syngate: \*:9: left to the kernel: .*already'
kill_program
program syngate exec --require -- $PY "$EXEC_PY" threads 9
says 'Address already in use'
wait $PROGRAM && die "it did not fail" || :

# wrong WHAT EXIT-CODE PATTERN ARGUMENTS...
wrong()
{
	local rc=0

	S syngate exec "${@:4}" >/dev/null 2>$T/wrong || rc=$?
	eq "$1: exit code" $rc "$2"
	grep -q -- "$3" $T/wrong || die "$1: $(cat $T/wrong)"
}
wrong "no program" 1 'argument is missing'
wrong "no such program" 1 'not there' -- nosuchprogram
wrong "no address" 1 '80' --listen 80 -- true
wrong "no such daemon" 2 'no syngate daemon' --instance nobody -- true
cat >$T/static.c <<-END
	int main(void) { return 0; }
END
gcc -static -o $T/static $T/static.c
wrong "a static program" 1 'statically.*--backend' -- $T/static
echo 'int other(void) { return 7; }' | gcc -shared -fPIC -x c -o $T/other.so -
eq "what was preloaded before" "$(S env LD_PRELOAD=$T/other.so syngate exec -- $PY -c \
	'import ctypes, os; print(ctypes.CDLL(None).other(), os.environ["LD_PRELOAD"].count("exec"))')" "7 1"

# --- connections of the program's own ---------------------------------------------------------------

mkdir -p $T/www
blob $T/www/blob 3
nsenter --net=/run/netns/client $PY -m http.server -d $T/www 8000 >$T/www.out 2>&1 &
WWW=$!
await "the server" listening client 8000
eq "a download" "$(S syngate exec --connect -- curl -sS -m 20 http://$C4:8000/blob | sha256sum)" \
	"$(sha256sum <$T/www/blob)"
num "through the daemon" "$(counter ActiveOpens) >= 1"
kill $WWW
wait $WWW 2>/dev/null || :
cat >$T/cut.py <<-END
	import socket, struct
	s = socket.create_server(("", 8001))
	c, _ = s.accept()
	c.recv(1000)
	c.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"half of it")
	s.accept()  # until the next one comes it has been read
	c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
	c.close()
END
nsenter --net=/run/netns/client $PY $T/cut.py &
WWW=$!
await "the server" listening client 8001
program syngate exec --connect -- curl -sSN -m 20 http://$C4:8001/
await "half of it" grep -q 'half of it' $T/program.out
C $PY -c "import socket; socket.create_connection(('$C4', 8001), 5)" # it may be cut now
wait $PROGRAM && die "a download that was cut short looked whole" || :
grep -qi 'reset' $T/program.err || die "curl: $(cat $T/program.err)"
wait $WWW || :
say "a download that is cut short is an error"

# --- a daemon that goes -----------------------------------------------------------------------------

mkfifo $T/again
exec 8<>$T/again
: >$T/program.out
: >$T/program.err
nsenter --net=/run/netns/server syngate exec -- $PY "$EXEC_PY" gone 7400 <&8 >$T/program.out 2>$T/program.err &
PROGRAM=$!
ready
kill -KILL $SG_PID
wait $SG_PID 2>/dev/null || :
await "accept() to say so" grep -qx quiet $T/program.out
eq "what accept() said" "$(sed -n 2p $T/program.out)" EINVAL
says 'the syngate daemon has gone'
syngate_start --listen '*:9' --app discard
echo >&8
await "the listener" eval '[ "$(grep -c accelerated $T/program.err)" = 2 ]'
eq "with the next one" "$(C timeout 10 nc -d $S4 7400)" again
ended_well
syngate_stop
