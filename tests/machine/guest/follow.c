/* follow FILE END: what is written to FILE, as it comes, until END is there; then how many bytes that were, to standard error.
   A shell that asks every tenth of a second starts processes for it, and in an emulated machine those took two fifths of its time. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  static char bytes[65536];
  const struct timespec moment = {.tv_nsec = 20000000};
  long long sent = 0;
  int from = argc == 3 ? open(argv[1], O_RDONLY) : -1;
  if (from < 0) return 2;
  for (;;) {
    /* Asked before reading: what came before the end is read after it. */
    int last = access(argv[2], F_OK) == 0;
    ssize_t count;
    while ((count = read(from, bytes, sizeof bytes)) > 0)
      for (ssize_t at = 0, part; at < count; at += part, sent += part)
        if ((part = write(STDOUT_FILENO, bytes + at, count - at)) <= 0) return 1;
    if (count < 0) return 1;
    if (last) break;
    nanosleep(&moment, NULL);
  }
  fprintf(stderr, "%lld\n", sent);
  return 0;
}
