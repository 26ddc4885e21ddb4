/* Preloaded into the exporter: a slow or failing disk under the state file, a chmod that is not permitted, and a
 * resolver that never answers for *.attack.example. The control file holds three numbers, read at each call: seconds
 * that a write takes, the errno of a write, the errno of a chmod; 0 for none. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_state(const char *path) {
    const char *state = getenv("ATTACK_DISK_FILE");
    return state != NULL && strncmp(path, state, strlen(state)) == 0;
}

static int is_state_fd(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_state(path);
}

static void control(double *delay, int *write_errno, int *chmod_errno) {
    char text[128] = "";
    *delay = 0;
    *write_errno = *chmod_errno = 0;
    const char *path = getenv("ATTACK_DISK_CONTROL");
    int fd = path == NULL ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return;
    if (syscall(SYS_read, fd, text, sizeof text - 1) > 0) sscanf(text, "%lf %d %d", delay, write_errno, chmod_errno);
    syscall(SYS_close, fd);
}

static int spoiled(int fd) {
    int kept = errno, write_errno = 0, ignored;
    double delay = 0;
    if (!is_state_fd(fd)) return errno = kept, 0;
    control(&delay, &write_errno, &ignored);
    if (delay > 0) {
        struct timespec pause = {(time_t)delay, (long)((delay - (time_t)delay) * 1e9)};
        nanosleep(&pause, NULL);
    }
    errno = write_errno ? write_errno : kept;
    return write_errno != 0;
}

static int may_not_chmod(int is_ours) {
    int ignored, chmod_errno = 0;
    double delay;
    if (is_ours) control(&delay, &ignored, &chmod_errno);
    if (chmod_errno) errno = chmod_errno;
    return chmod_errno != 0;
}

ssize_t write(int fd, const void *data, size_t size) { return spoiled(fd) ? -1 : NEXT(write)(fd, data, size); }

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return spoiled(fd) ? -1 : NEXT(pwrite)(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return spoiled(fd) ? -1 : NEXT(pwrite64)(fd, data, size, at);
}

int fsync(int fd) { return spoiled(fd) ? -1 : NEXT(fsync)(fd); }

int fdatasync(int fd) { return spoiled(fd) ? -1 : NEXT(fdatasync)(fd); }

int ftruncate(int fd, off_t size) { return spoiled(fd) ? -1 : NEXT(ftruncate)(fd, size); }

int ftruncate64(int fd, off64_t size) { return spoiled(fd) ? -1 : NEXT(ftruncate64)(fd, size); }

int chmod(const char *path, mode_t mode) { return may_not_chmod(is_state(path)) ? -1 : NEXT(chmod)(path, mode); }

int fchmod(int fd, mode_t mode) { return may_not_chmod(is_state_fd(fd)) ? -1 : NEXT(fchmod)(fd, mode); }

int fchmodat(int at, const char *path, mode_t mode, int flags) {
    return may_not_chmod(is_state(path)) ? -1 : NEXT(fchmodat)(at, path, mode, flags);
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    size_t length = host == NULL ? 0 : strlen(host);
    const char *tally = getenv("ATTACK_LOOKUPS"), *suffix = ".attack.example";
    if (tally != NULL && length > strlen(suffix) && strcmp(host + length - strlen(suffix), suffix) == 0) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, tally, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        syscall(SYS_write, fd, "?", 1);
        syscall(SYS_close, fd);
        for (;;) pause();
    }
    return NEXT(getaddrinfo)(host, service, hints, found);
}
