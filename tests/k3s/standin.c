/* A stand-in for the program k3s, to test how it is started and waited for: it is no Kubernetes.
 *
 * `--version` says MODE_VERSION; anything else does what the file /run/standin says:
 *   ready   tells systemd that it is ready, and stays
 *   silent  says why it cannot, again and again, and never gets ready: an agent that is turned away
 *   crash   says why it cannot, and ends: a server without memory control groups
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void notify(const char *text) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *path = getenv("NOTIFY_SOCKET");
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (!path || fd < 0) return;
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (address.sun_path[0] == '@') address.sun_path[0] = 0;
  sendto(fd, text, strlen(text), 0, (struct sockaddr *)&address,
         (socklen_t)(sizeof address.sun_family + strlen(path)));
  close(fd);
}

int main(int argc, char **argv) {
  char mode[16] = "";
  FILE *file;
  if (argc > 1 && !strcmp(argv[1], "--version")) {
    puts("k3s version v1.33.4+k3s1 (standin)\ngo version go1.24.5");
    return 0;
  }
  file = fopen("/run/standin", "r");
  if (file && fgets(mode, sizeof mode, file)) mode[strcspn(mode, "\n")] = 0;
  if (!strcmp(mode, "ready")) {
    notify("READY=1");
    for (;;) pause();
  }
  if (!strcmp(mode, "crash")) {
    fprintf(stderr, "level=fatal msg=\"failed to find memory cgroup (v2)\"\n");
    return 1;
  }
  for (;;) {
    fprintf(stderr, "level=info msg=\"Waiting to retrieve agent configuration; server is not ready: Node password rejected, "
                    "duplicate hostname or contents of '/etc/rancher/node/password' may not match server node-passwd entry\"\n");
    sleep(2);
  }
}
