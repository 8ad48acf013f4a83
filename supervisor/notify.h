/* notify.h: tells the service manager how the daemon stands (sd_notify(3)), if there is one that
 * asked for it by NOTIFY_SOCKET. */
#ifndef FF_SUPERVISOR_NOTIFY_H
#define FF_SUPERVISOR_NOTIFY_H

/* text: lines of NAME=value, such as "READY=1\nSTATUS=…". Fails in silence: nobody could be told.
 */
void ff_notify(const char *text);

#endif
