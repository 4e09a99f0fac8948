#include "tailnet/trouble.h"

#include <errno.h>

void trouble_of_node(const struct tailnet_node *node, int64_t now_s, struct buf *out)
{
    bool expired = node->key_expired || (node->key_expiry > 0 && node->key_expiry <= now_s);
    const char *text = "";
    if (expired && (node->running || str_eq(node->state, STR("NeedsLogin"))))
        text = "the key of this node has expired: run `tailscale up --force-reauth` on it";
    else if (node->running)
        return;
    else if (str_eq(node->state, STR("NeedsLogin")))
        text = "this node is not logged in to its tailnet: run `tailscale up` on it";
    else if (str_eq(node->state, STR("NeedsMachineAuth")))
        text = "this node waits until an admin of the tailnet approves it";
    else if (str_eq(node->state, STR("Stopped")))
        text = "Tailscale is stopped on this node: run `tailscale up` on it";
    else if (str_eq(node->state, STR("Starting")) || str_eq(node->state, STR("NoState")))
        text = "Tailscale is starting on this node: try again in a moment";
    else if (str_eq(node->state, STR("Running")))
        text = "this node has no tailnet address yet: try again in a moment";
    if (text[0])
        buf_add(out, str_from(text));
    else
        buf_addf(out, "Tailscale on this node is in the state %" STR_FMT ": see `tailscale status`",
            STR_ARG(utf8_clip(node->state, 64)));
    if (!node->running && node->auth_url.n > 0)
        buf_addf(out, ", or open %" STR_FMT, STR_ARG(node->auth_url));
}

void trouble_of_silence(const struct err *why, struct str socket, struct buf *out)
{
    if (socket.n == 0)
        buf_add(out, STR("no tailscaled is running on this machine: start it (`systemctl start "
                         "tailscaled`), or set tailscale.socket to where its socket is"));
    else if (why->kind == ERR_INVALID)
        buf_addf(out, "what answers at %" STR_FMT " is of no use: %s", STR_ARG(socket), why->text);
    else if (why->sys == ENOENT || why->sys == ENOTDIR)
        buf_addf(out,
            "there is no tailscaled at %" STR_FMT ": start it, or set tailscale.socket to where "
            "its socket is",
            STR_ARG(socket));
    else if (why->sys == EACCES || why->sys == EPERM)
        buf_addf(out,
            "no permission to open tailscaled's socket %" STR_FMT ": let the registry's user "
            "reach it",
            STR_ARG(socket));
    else if (why->sys == 0 || why->sys == EMFILE || why->sys == ENFILE)
        buf_addf(out, "tailscaled at %" STR_FMT ": %s", STR_ARG(socket), why->text);
    else
        buf_addf(
            out, "tailscaled does not answer at %" STR_FMT ": is it running?", STR_ARG(socket));
}
