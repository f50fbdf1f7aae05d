/*
 * Stops one thread of another process until that is killed, as if it hung.
 *
 * usage: stop_thread TID
 * Says "stopped" when the thread stands still.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
    pid_t thread = argc == 2 ? atoi(argv[1]) : 0;
    int status;

    if (thread == 0 || ptrace(PTRACE_SEIZE, thread, NULL, NULL) < 0 ||
        ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) < 0 || waitpid(thread, NULL, __WALL) != thread)
        return 1;
    puts("stopped");
    fflush(stdout);
    /* A traced thread that has been killed is only gone, and with it its process, when its tracer has seen it. */
    do {
        if (waitpid(thread, &status, __WALL) != thread)
            return 1;
    } while (!WIFEXITED(status) && !WIFSIGNALED(status));
    return 0;
}
