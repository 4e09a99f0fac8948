#include "auth/policy_scan.h"

#include "base/json.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES_MAX 64

/* Lines are those of the text, in order; and no text of ports is too odd to be judged. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    json_t *j AUTO_JSON = NULL;
    int lines[LINES_MAX] = { 0 }, last = 1, n = 1;
    (void)policy_ports_cover(text, 80);
    (void)policy_ip_covers(text, 80);
    if (json_read(text, &j, NULL) < 0)
        return 0;
    for (size_t i = 0; i < size; i++)
        n += data[i] == '\n';
    policy_lines(text, STR("grants"), lines, LINES_MAX);
    for (size_t i = 0; i < LINES_MAX && lines[i] != 0; i++) {
        assert(lines[i] >= last && lines[i] <= n);
        last = lines[i];
    }
    return 0;
}
