#include "http/conn.h"

struct h2 *h2_new(struct conn *c)
{
    c->dead = true;
    return NULL;
}
void h2_free(struct h2 *h2)
{
    (void)h2;
}
int h2_upgrade(struct conn *c, struct exchange *ex, struct str settings)
{
    (void)c;
    (void)ex;
    (void)settings;
    return -1;
}
void h2_input(struct conn *c, struct str in)
{
    (void)c;
    (void)in;
}
bool h2_flush(struct conn *c)
{
    (void)c;
    return false;
}
bool h2_wants_input(const struct conn *c)
{
    (void)c;
    return true;
}
void h2_reply(struct exchange *ex)
{
    (void)ex;
}
void h2_body_pump(struct exchange *ex)
{
    (void)ex;
}
void h2_body_dropped(struct exchange *ex)
{
    (void)ex;
}
void h2_file_ready(struct exchange *ex)
{
    (void)ex;
}
void h2_begin_drain(struct conn *c)
{
    (void)c;
}
void h2_goaway(struct conn *c, uint32_t code)
{
    (void)c;
    (void)code;
}
void h2_reset(struct exchange *ex, uint32_t code)
{
    (void)ex;
    (void)code;
}
