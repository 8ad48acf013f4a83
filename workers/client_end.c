#include "ipc/close.h"
#include "workers/client_int.h"

bool
ff_client_io_close(struct ff_client *client)
{
    if (!ff_socket_close(client->socket)) {
        return false;
    }
    ev_loop_destroy(client->loop);
    return true;
}
