# All the processes that may be, none of them with anything to do and all of them at it, and none that minds a signal.
import time

SPIN = 'for number in 1 2 3 10 12 13 14 15; do trap "" $number; done; read _; while :; do :; done'

# They begin together: those that were there first would not let the others be made in time.
begin, hold = os.pipe()
for number in range(50):
    if os.fork() == 0:
        os.setsid()
        os.dup2(begin, 0)
        os.execvp("sh", ["sh", "-c", SPIN, "isol8-spinner"])
print("spinning", flush=True)
os.close(hold)
time.sleep(1000)
