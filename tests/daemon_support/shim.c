/* Laid before the C library of a daemon under test (LD_PRELOAD): a disk that hangs while the file
 * named by SHIM_DISK_HANGS is there, and a wall clock that is an hour ahead while the file named by
 * SHIM_CLOCK_AHEAD is. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int there(const char *variable)
{
    const char *path = getenv(variable);
    return path && syscall(SYS_faccessat, -100 /* AT_FDCWD */, path, F_OK) == 0;
}

static void wait_for_disk(void)
{
    struct timespec moment = {0, 10 * 1000 * 1000};
    while (there("SHIM_DISK_HANGS"))
        syscall(SYS_nanosleep, &moment, 0);
}

int fsync(int fd)
{
    wait_for_disk();
    return syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    wait_for_disk();
    return syscall(SYS_fdatasync, fd);
}

int clock_gettime(clockid_t id, struct timespec *at)
{
    int result = syscall(SYS_clock_gettime, id, at);
    if (result == 0 && id == CLOCK_REALTIME && there("SHIM_CLOCK_AHEAD"))
        at->tv_sec += 3600;
    return result;
}
