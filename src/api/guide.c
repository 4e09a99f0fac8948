#include "api/guide.h"

void guide_steps(struct buf *out, struct str base_url)
{
    buf_addf(out,
        "1. Tell cargo about this registry, once, and paste the token when it asks:\n"
        "\n"
        "mkdir -p ~/.cargo && cat >> ~/.cargo/config.toml <<'EOF'\n"
        "[registries.guppy]\n"
        "index = \"sparse+%" STR_FMT "/index/\"\n"
        "credential-provider = \"cargo:token\"\n"
        "EOF\n"
        "cargo login --registry guppy\n"
        "\n"
        "2. Publish a crate (under another name if hello-guppy is taken):\n"
        "\n"
        "cargo new --lib --vcs none hello-guppy && cd hello-guppy\n"
        "cargo publish --registry guppy && cd ..\n"
        "\n"
        "3. Use it in another project:\n"
        "\n"
        "cargo new --vcs none my-app && cd my-app\n"
        "cargo add hello-guppy --registry guppy && cargo build\n",
        STR_ARG(base_url));
}

void guide_tailnet_lines(struct buf *out, struct str base_url)
{
    buf_addf(out,
        "[registries.crates]\n"
        "index = \"sparse+%" STR_FMT "/index/\"\n"
        "token = \"tailscale\"        # not a secret: \"ask the network who I am\"\n",
        STR_ARG(base_url));
}

void guide_tailnet_steps(struct buf *out, struct str base_url)
{
    buf_add(out, STR("1. Put three lines into a project, and check them in; no one logs in:\n"
                     "\n"
                     "mkdir -p .cargo && cat >> .cargo/config.toml <<'EOF'\n"));
    guide_tailnet_lines(out, base_url);
    buf_add(out, STR("EOF\n"
                     "\n"
                     "2. Publish it:\n"
                     "\n"
                     "cargo publish --registry crates\n"
                     "\n"
                     "3. Use it in another project that has the three lines:\n"
                     "\n"
                     "cargo add NAME --registry crates && cargo build\n"));
}

void guide_keep_private(struct buf *out, bool on_tailnet)
{
    buf_addf(out,
        "To keep a crate off crates.io, say in its Cargo.toml under [package]:\n"
        "\n"
        "publish = [\"%s\"]\n",
        on_tailnet ? "crates" : "guppy");
}
