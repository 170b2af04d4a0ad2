/** What a program finds when it looks around, and what it can do about it: nothing. */
import { expect, it } from 'vitest';
import { sharedEngine } from '../support/engine.js';

const engine = sharedEngine();

/** Runs a Python program and parses what it prints. */
async function ask(code: string): Promise<any> {
  const { stdout, stderr } = await engine.execute({ runtime: 'python', code });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

it('is user sandbox, and nobody else', async () => {
  const answer = await ask(`
import grp, json, os, pwd
print(json.dumps([os.getresuid(), os.getresgid(), os.getgroups(), pwd.getpwuid(os.getuid()).pw_name,
    grp.getgrgid(os.getgid()).gr_name, os.path.expanduser("~"), pwd.getpwuid(os.getuid()).pw_shell]))`);
  expect(answer).toEqual([[100, 100, 100], [101, 101, 101], [], 'sandbox', 'sandbox', '/sandbox', '/usr/sbin/nologin']);
});

// W53
it('has no capability, cannot gain one, and is under a filter', async () => {
  const status = await ask(`
import json
print(json.dumps(dict(line.rstrip().split(":\\t") for line in open("/proc/self/status") if line.startswith(("Cap", "NoNew", "Seccomp:")))))`);
  const none = '0000000000000000';
  expect(status).toMatchObject({
    CapInh: none,
    CapPrm: none,
    CapEff: none,
    CapAmb: none,
    NoNewPrivs: '1',
    Seccomp: '2',
  });
  // What a set-uid program could still get at, if there were no_new_privs: KILL, SETGID, SETUID at most.
  expect(BigInt(`0x${status.CapBnd}`) & ~0xe0n).toBe(0n);
});

it('cannot become anybody else', async () => {
  const answers = await ask(`
import json, os
def attempt(call, *args):
    try: call(*args); return "done"
    except OSError as error: return error.strerror
print(json.dumps([attempt(os.setuid, 0), attempt(os.setgid, 0), attempt(os.setresuid, 0, 0, 0), attempt(os.setgroups, [0])]))`);
  expect(answers).toEqual(Array(4).fill('Operation not permitted'));
});

it('finds no program that would make it somebody else', async () => {
  const { stdout } = await engine.execute({
    runtime: 'python',
    cmd: 'find / -xdev -perm /6000 -type f 2> /dev/null; echo end',
  });
  expect(stdout).toBe('end');
});

it('cannot touch PID 1', async () => {
  const answers = await ask(`
import ctypes, json, os, signal
def attempt(call, *args):
    try: call(*args); return "done"
    except OSError as error: return error.strerror
libc = ctypes.CDLL(None, use_errno=True)
def ptrace(): 
    if libc.ptrace(16, 1, 0, 0) != 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
answers = {str(number): attempt(os.kill, 1, number) for number in (0, signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM)}
answers["ptrace"] = attempt(ptrace)
for name in ("mem", "environ", "fd", "maps", "auxv", "syscall", "stack", "cwd", "root", "exe", "fdinfo", "ns/net", "map_files"):
    path = "/proc/1/" + name
    answers[name] = attempt(os.readlink if name in ("cwd", "root", "exe", "ns/net") else os.listdir if os.path.isdir(path) else lambda p: open(p, "rb").read(1), path)
for name in ("oom_score_adj", "mem", "comm", "coredump_filter", "clear_refs"):
    answers["write " + name] = attempt(lambda p: open(p, "wb").write(b"0"), "/proc/1/" + name)
print(json.dumps(answers))`);
  for (const [what, said] of Object.entries(answers))
    expect([what, said]).toEqual([what, expect.stringMatching(/denied|not permitted/)]);
});

it('sees only its own processes', async () => {
  // Bash lists them before it starts cat.
  const { stdout } = await engine.execute({ runtime: 'python', cmd: 'cat /proc/[0-9]*/comm; :' });
  expect(stdout.split('\n').sort()).toEqual(['bash', 'isol8-init']);
});

it('can write in four places, and nowhere else', async () => {
  const writable = await ask(`
import json, os, stat
found = []
for directory, names, files in os.walk("/"):
    names[:] = [name for name in names if os.path.join(directory, name) not in ("/proc", "/sys")]
    for path in [directory, *(os.path.join(directory, name) for name in files)]:
        try: mode = os.lstat(path).st_mode
        except OSError: continue
        if os.access(path, os.W_OK) and not stat.S_ISCHR(mode) and not stat.S_ISLNK(mode): found.append(path)
print(json.dumps(found))`);
  expect(writable.sort()).toEqual(['/dev/mqueue', '/dev/shm', '/sandbox', '/sandbox/main.py', '/tmp']);
});

it('cannot write to what the kernel shows', async () => {
  const { stdout } = await engine.execute({
    runtime: 'python',
    cmd: 'find /proc/sys /proc/irq /proc/bus /sys -writable 2> /dev/null | head; for f in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /sys/fs/cgroup/memory/memory.limit_in_bytes; do echo 1 2> /dev/null > $f && echo "wrote $f"; done; echo end',
  });
  expect(stdout).toBe('end');
});

it('cannot read what the host keeps to itself', async () => {
  const { stdout } = await engine.execute({
    runtime: 'python',
    cmd: 'for f in /proc/kcore /proc/keys /proc/timer_list /proc/kmsg /dev/mem /dev/kmsg /etc/shadow /proc/sched_debug; do head -c 1 $f 2> /dev/null | wc -c; done; ls /sys/firmware /proc/scsi /proc/acpi 2> /dev/null | grep -v : ; ls /dev | grep -v core | sort | xargs',
  });
  const lines = stdout.split('\n').filter(Boolean);
  expect(lines.slice(0, 8)).toEqual(Array(8).fill('0'));
  expect(lines.slice(8)).toEqual(['fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero']);
});

it('can run programs from /sandbox, and not from /tmp or /dev/shm', async () => {
  const { stdout } = await engine.execute({
    runtime: 'bash',
    code: 'for d in /sandbox /tmp /dev/shm; do cp /bin/true $d/program; $d/program 2> /dev/null; echo $?; done; grep -E " (/sandbox|/tmp|/dev/shm|/dev/mqueue) " /proc/mounts | grep -vc "nosuid,nodev"',
  });
  expect(stdout).toBe('0\n126\n126\n0');
});

it('has no network but its own loopback', async () => {
  const answers = await ask(`
import json, socket
def attempt(call, *args):
    try: call(*args); return "done"
    except OSError as error: return type(error).__name__ + " " + str(error.errno)
def connect(address):
    with socket.socket() as s: s.settimeout(2); s.connect(address)
def send(address):
    with socket.socket(type=socket.SOCK_DGRAM) as s: s.sendto(b"x", address)
server = socket.create_server(("127.0.0.1", 0))
print(json.dumps({
    "interfaces": [name for _, name in socket.if_nameindex()],
    "routes": open("/proc/net/route").read().splitlines()[1:],
    "outside": [attempt(connect, ("1.1.1.1", 443)), attempt(send, ("8.8.8.8", 53)), attempt(connect, ("172.17.0.1", 80)), attempt(connect, ("169.254.169.254", 80))],
    "names": attempt(socket.getaddrinfo, "example.com", 443),
    "loopback": attempt(connect, server.getsockname()),
}))`);
  expect(answers).toEqual({
    interfaces: ['lo'],
    routes: [],
    outside: Array(4).fill('OSError 101'),
    names: expect.stringMatching(/^gaierror/),
    loopback: 'done',
  });
});

it('is the first to go when memory runs out, and cannot put others before itself', async () => {
  const answers = await ask(`
import json
def attempt(score):
    try:
        with open("/proc/self/oom_score_adj", "w") as file: file.write(score)
        return "done"
    except OSError as error: return error.strerror
before = open("/proc/self/oom_score_adj").read().strip()
print(json.dumps([before, attempt("-1"), attempt("-1000"), attempt("1000"), open("/proc/self/oom_score_adj").read().strip()]))`);
  expect(answers).toEqual(['500', 'Permission denied', 'Permission denied', 'done', '1000']);
});

it('leaves no core, and cannot raise its limits', async () => {
  const { stdout, stderr } = await engine.execute({
    runtime: 'bash',
    code: 'ulimit -c; ulimit -c unlimited 2> /dev/null || echo refused; ulimit -n 100000 2> /dev/null || echo refused; (kill -SEGV $BASHPID); echo $?; ls',
  });
  expect(stdout).toBe('0\nrefused\nrefused\n139\nmain.sh');
  expect(stderr).not.toContain('core dumped');
});

it('has a fresh session, with nothing open but its three streams', async () => {
  const answers = await ask(`
import json, os
print(json.dumps([os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid(), os.getppid(), sorted(fd for fd in os.listdir("/proc/self/fd"))[:4], os.umask(0), open("/proc/self/status").read().split("SigIgn:\\t")[1].split()[0], open("/proc/self/status").read().split("SigBlk:\\t")[1].split()[0]]))`);
  // Descriptor 3 is the directory that is being listed. Python itself ignores SIGPIPE (13) and SIGXFSZ (25).
  expect(answers).toEqual([true, true, 1, ['0', '1', '2', '3'], 0o022, '0000000001001000', '0000000000000000']);
});

it('knows localhost, without a network', async () => {
  const answers = await ask(`
import json, socket
server = socket.create_server(("localhost", 0))
client = socket.create_connection(("localhost", server.getsockname()[1]))
server.accept()[0].sendall(b"hello")
print(json.dumps([client.recv(5).decode(), socket.gethostbyname("localhost")]))`);
  expect(answers).toEqual(['hello', '127.0.0.1']);
});
