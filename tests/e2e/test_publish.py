"""cargo publish, and what comes of it: the line in the index, and a build elsewhere."""

import os
import re
import tomllib

import pytest

import raw
from cargo import STAND_IN
from guppy import OPEN

CRATES_IO = "https://github.com/rust-lang/crates.io-index"


def dependency(entry, name):
    found = [d for d in entry["deps"] if d["name"] == name]
    assert len(found) == 1, entry
    return found[0]


def test_a_crate_is_published_and_built_from(guppy, new_cargo, toolchain):
    cargo = new_cargo(guppy.url, guppy.token(), toolchain)
    published = cargo.publish(cargo.package("alpha", lib="pub fn f() -> u32 { 7 }\n"), verify=True)
    assert "Published alpha v0.1.0" in published.stderr and "warning" not in published.stderr
    user = new_cargo(guppy.url, None, toolchain)
    app = user.app(main='fn main() { println!("seven is {}", alpha::f()); }\n')
    user.run("add", "alpha", "--registry", "guppy", cwd=app)
    user.run("build", cwd=app)
    assert "seven is 7" in user.run("run", cwd=app).stdout
    lock = tomllib.loads((app / "Cargo.lock").read_text())
    alpha = next(p for p in lock["package"] if p["name"] == "alpha")
    assert alpha["source"] == guppy.index
    assert alpha["checksum"] == raw.entry(guppy.url, "alpha", "0.1.0")["cksum"]


def test_a_workspace_of_30_that_depend_on_each_other(guppy, new_cargo, toolchain):
    cargo = new_cargo(guppy.url, guppy.token(), toolchain)
    root = workspace(cargo, layers=6, width=5)
    run = cargo.run("publish", "--workspace", "--no-verify", "--registry", "guppy", cwd=root)
    assert "warning" not in run.stderr, run.stderr
    user = new_cargo(guppy.url, None, toolchain)
    app = user.app("".join(f'w5-{i} = {{ version = "1", registry = "guppy" }}\n' for i in range(5)))
    assert len(user.packages(app)) == 30
    user.run("build", cwd=app)


def workspace(cargo, layers, width, name="w", vers="1.0.0"):
    """layers × width crates; each depends on all of the layer before."""
    root = cargo.folder / f"{name}-workspace"
    root.mkdir()
    (root / "Cargo.toml").write_text('[workspace]\nmembers = ["*"]\nexclude = ["target"]\nresolver = "2"\n')
    for layer in range(layers):
        for i in range(width):
            below = [f"{name}{layer - 1}-{k}" for k in range(width)] if layer else []
            deps = "".join(f'{d} = {{ version = "{vers}", path = "../{d}", registry = "guppy" }}\n' for d in below)
            cargo.package(f"{name}{layer}-{i}", vers, more=f"[dependencies]\n{deps}", folder=f"{name}-workspace/{name}{layer}-{i}")
    return root


def test_every_kind_of_dependency_reaches_the_index_and_a_build(guppy, new_cargo, toolchain):
    cargo = new_cargo(guppy.url, guppy.token(), toolchain)
    for name in ("plain", "renamed-crate", "maybe", "for_target", "for-dev", "for-build", "no-defaults"):
        cargo.publish_new(name, more='[features]\ndefault = ["a"]\na = []\nb = []\n')
    cargo.publish_new("user", more="""
[dependencies]
plain = { version = "0.1", registry = "guppy" }
other_name = { version = ">=0.1, <2", registry = "guppy", package = "renamed-crate", features = ["b"] }
maybe = { version = "=0.1.0", registry = "guppy", optional = true }
no-defaults = { version = "0.1.0", registry = "guppy", default-features = false }
[target.'cfg(unix)'.dependencies]
for_target = { version = "~0.1", registry = "guppy" }
[target.x86_64-pc-windows-msvc.dependencies]
plain = { version = "0.1.*", registry = "guppy" }
[dev-dependencies]
for-dev = { version = "*", registry = "guppy" }
[build-dependencies]
for-build = { version = "0", registry = "guppy" }
[features]
with-maybe = ["dep:maybe"]
""", files={"build.rs": "fn main() { for_build::f(); }\n"}, lib="pub use other_name::f;\npub use plain::f as g;\n")  # fmt: skip
    entry = raw.entry(guppy.url, "user", "0.1.0")
    basics = {"features": [], "optional": False, "default_features": True, "target": None, "kind": "normal"}
    by_target = {(d["name"], d["target"]): d for d in entry["deps"]}
    assert by_target["plain", None] == {"name": "plain", "req": "^0.1", **basics}
    assert by_target["other_name", None] == {
        "name": "other_name", "package": "renamed-crate", "req": ">=0.1, <2", **basics, "features": ["b"]}  # fmt: skip
    assert by_target["maybe", None] == {"name": "maybe", "req": "=0.1.0", **basics, "optional": True}
    assert by_target["no-defaults", None] == {"name": "no-defaults", "req": "^0.1.0", **basics, "default_features": False}
    assert by_target["for_target", "cfg(unix)"] == {"name": "for_target", "req": "~0.1", **basics, "target": "cfg(unix)"}
    windows = "x86_64-pc-windows-msvc"
    assert by_target["plain", windows] == {"name": "plain", "req": "0.1.*", **basics, "target": windows}
    assert by_target["for-dev", None] == {"name": "for-dev", "req": "*", **basics, "kind": "dev"}
    assert by_target["for-build", None] == {"name": "for-build", "req": "^0", **basics, "kind": "build"}
    assert len(entry["deps"]) == 8
    user = new_cargo(guppy.url, None, toolchain)
    app = user.app('user = { version = "0.1", registry = "guppy", features = ["with-maybe"] }\n')
    assert user.packages(app) == {(n, "0.1.0") for n in (
        "user", "plain", "renamed-crate", "maybe", "for_target", "for-build", "no-defaults")}  # fmt: skip
    user.run("build", cwd=app)


def test_a_dependency_on_crates_io_keeps_its_registry(guppy, new_cargo):
    cargo = new_cargo(guppy.url, guppy.token())
    cargo.publish_new("mixed", "0.0.1", more=f'[dependencies]\nrenamed = {{ package = "{STAND_IN[0]}", version = "1.2" }}\n')
    renamed = dependency(raw.entry(guppy.url, "mixed", "0.0.1"), "renamed")
    assert renamed["registry"] == CRATES_IO and renamed["package"] == STAND_IN[0]
    cargo.publish_new("mixed", more=f'[dependencies]\n{STAND_IN[0]} = "1"\n')
    assert dependency(raw.entry(guppy.url, "mixed", "0.1.0"), STAND_IN[0])["registry"] == CRATES_IO
    user = new_cargo(guppy.url)
    app = user.app('mixed = { version = "0.1", registry = "guppy" }\n')
    assert user.packages(app) == {("mixed", "0.1.0"), STAND_IN}
    user.run("build", cwd=app)


def test_a_dependency_on_ourselves_under_another_url_is_stored_as_ours(new_guppy, new_cargo, toolchain):
    guppy = new_guppy(listen=OPEN, settings={
        "server.hosts": ["localhost"], "server.aliases": ["sparse+https://crates.old.example/index/", "https://git.old.example/index"]})  # fmt: skip
    port = guppy.address[1]
    more = f'[registries.alias]\nindex = "sparse+http://localhost:{port}/index/"\n'
    cargo = new_cargo(guppy.url, guppy.token(), toolchain, more_config=more)
    cargo.publish_new("base-crate")
    cargo.publish_new("over", more='[dependencies]\nbase-crate = { version = "0.1", registry = "alias" }\n')
    assert "registry" not in dependency(raw.entry(guppy.url, "over", "0.1.0"), "base-crate")
    token = guppy.token()
    for i, url in enumerate((f"sparse+{guppy.url}/index/", f"sparse+{guppy.url}/index", f"sparse+http://localhost:{port}/index/",
                             f"http://localhost:{port}/git/index", "sparse+https://crates.old.example/index/",
                             "https://git.old.example/index")):  # fmt: skip
        more = f'[dependencies.base-crate]\nversion = "0.1"\nregistry-index = "{url}"\n'
        answer = raw.publish(guppy.url, token, "twin", f"0.{i}.0", more=more, deps=[raw.dep("base-crate", "^0.1", registry=url)])
        assert answer.status == 200, (url, answer)
        assert "registry" not in dependency(raw.entry(guppy.url, "twin", f"0.{i}.0"), "base-crate"), url
    user = new_cargo(guppy.url, None, toolchain)
    assert ("base-crate", "0.1.0") in user.packages(user.app('over = { version = "0.1", registry = "guppy" }\n'))


def test_features_in_both_syntaxes(guppy, new_cargo, toolchain):
    cargo = new_cargo(guppy.url, guppy.token(), toolchain)
    cargo.publish_new("opt-a", more="[features]\nx = []\n")
    cargo.publish_new("opt-b", more="[features]\nx = []\n")
    optional = 'opt-{0} = {{ version = "0.1", registry = "guppy", optional = true }}\n'
    deps = "[dependencies]\n" + optional.format("a") + optional.format("b")
    cargo.publish_new("oldstyle", more=deps + '[features]\ndefault = ["std"]\nstd = ["opt-a/x", "opt-b"]\n')
    cargo.publish_new("newstyle", more=deps + '[features]\ndefault = ["std"]\nstd = []\nna = ["dep:opt-a"]\nnb = ["opt-b?/x"]\n'
                      'up = ["na", "std"]\nopt-b = ["dep:opt-b"]\n')  # fmt: skip
    old, new = raw.entry(guppy.url, "oldstyle", "0.1.0"), raw.entry(guppy.url, "newstyle", "0.1.0")
    assert old["features"] == {"default": ["std"], "std": ["opt-a/x", "opt-b"]}
    assert "features2" not in old and "v" not in old
    # What has dep: or ?/, and what names such a feature, is hidden from cargo < 1.60 (index version 2).
    assert new["features"] == {"default": ["std"], "std": []}
    assert new["features2"] == {"na": ["dep:opt-a"], "nb": ["opt-b?/x"], "opt-b": ["dep:opt-b"], "up": ["na", "std"]}
    assert new["v"] == 2
    user = new_cargo(guppy.url, None, toolchain)
    app = user.app('newstyle = { version = "0.1", registry = "guppy", features = ["up", "nb"] }\noldstyle = { version = "0.1", registry = "guppy" }\n')
    assert {n for n, _ in user.packages(app)} == {"newstyle", "oldstyle", "opt-a", "opt-b"}
    user.run("build", cwd=app)


def test_links_and_rust_version_reach_the_index(guppy, new_cargo):
    cargo = new_cargo(guppy.url, guppy.token())
    cargo.publish_new("zlib-like", package_more='links = "z"\nrust-version = "1.60"\n', files={"build.rs": "fn main() {}\n"})
    entry = raw.entry(guppy.url, "zlib-like", "0.1.0")
    assert entry["links"] == "z" and entry["rust_version"] == "1.60"
    cargo.publish_new("zlib-too", package_more='links = "z"\n', files={"build.rs": "fn main() {}\n"})
    user = new_cargo(guppy.url)
    app = user.app('zlib-like = { version = "0.1", registry = "guppy" }\nzlib-too = { version = "0.1", registry = "guppy" }\n')
    refused = user.run("fetch", cwd=app, check=False)
    assert "links" in refused.stderr


def test_build_metadata_goes_through_every_url(guppy, new_cargo, toolchain):
    cargo = new_cargo(guppy.url, guppy.token(), toolchain)
    cargo.publish_new("meta", "1.0.0+build.5")
    cargo.publish_new("meta", "1.0.1-rc.1+build.5")
    user = new_cargo(guppy.url, None, toolchain)
    app = user.app('meta = { version = "=1.0.0", registry = "guppy" }\n')
    assert user.packages(app) == {("meta", "1.0.0+build.5")}
    user.run("build", cwd=app)
    cargo.run("yank", "meta@1.0.0+build.5", "--registry", "guppy")
    assert raw.entry(guppy.url, "meta", "1.0.0+build.5")["yanked"] is True
    refused = cargo.publish(cargo.package("meta", "1.0.0+other", folder="again"), check=False)
    assert refused.returncode != 0
    answer = raw.publish(guppy.url, guppy.token(), "meta", "1.0.0")
    assert answer.status == 409 and "is already uploaded" in answer.detail()


@pytest.mark.parametrize("name", ["a", "ab", "Abc", "MyCrate", "Foo-Lib", "foo_bar", "x-y_z", "C" + "o" * 62 + "l"])
def test_names_with_capitals_and_separators(guppy, new_cargo, name):
    cargo = new_cargo(guppy.url, guppy.token())
    cargo.publish_new(name)
    assert raw.entry(guppy.url, name, "0.1.0")["name"] == name
    user = new_cargo(guppy.url)
    app = user.app()
    user.run("add", name, "--registry", "guppy", cwd=app)
    user.run("build", cwd=app)
    assert user.packages(app) == {(name, "0.1.0")}


def test_another_spelling_is_refused_by_name(guppy, new_cargo, toolchain):
    cargo = new_cargo(guppy.url, guppy.token(), toolchain)
    cargo.publish_new("Foo_Bar")
    for other in ("foo-bar", "foo_bar", "Foo-Bar"):
        refused = cargo.publish(cargo.package(other), check=False)
        assert "status 409" in refused.stderr and "Foo_Bar" in refused.stderr, refused.stderr


def test_a_version_that_exists_is_refused_also_when_yanked(guppy, new_cargo, toolchain):
    cargo = new_cargo(guppy.url, guppy.token(), toolchain)
    package = cargo.package("once")
    cargo.publish(package)
    assert "already exists" in cargo.publish(package, check=False).stderr
    cargo.run("yank", "once@0.1.0", "--registry", "guppy")
    assert cargo.publish(package, check=False).returncode != 0
    answer = raw.publish(guppy.url, guppy.token(), "once", "0.1.0")
    assert answer.status == 409 and "is already uploaded" in answer.detail()


def test_warnings_reach_the_terminal(guppy, new_cargo, toolchain):
    cargo = new_cargo(guppy.url, guppy.token(), toolchain)
    cargo.publish_new("wild")
    run = cargo.publish_new("wilder", more='[dependencies]\nwild = { version = "*", registry = "guppy" }\n')
    assert re.search(r"warning: .*wild.*\*|warning: .*\*.*wild", run.stderr), run.stderr


def test_description_readme_and_manifest_fields_are_taken(guppy, new_cargo):
    cargo = new_cargo(guppy.url, guppy.token())
    cargo.publish_new("described", package_more='readme = "README.md"\nkeywords = ["one", "two"]\ncategories = ["my-own"]\n'
                      'repository = "https://git.example/described"\nhomepage = "https://example.org"\n',
                      files={"README.md": "# Described\n\nWords.\n"})  # fmt: skip
    answer = raw.get(guppy.url, "/api/v1/crates?q=described")
    assert answer.json()["crates"][0]["description"] == "described for tests"


def test_publish_only_to_the_registry_named_in_the_manifest(guppy, new_cargo):
    cargo = new_cargo(guppy.url, guppy.token())
    package = cargo.package("kept-home", package_more='publish = ["guppy"]\n')
    cargo.run("publish", "--no-verify", cwd=package)
    assert raw.entry(guppy.url, "kept-home", "0.1.0")


def test_the_manifest_wins_over_the_json_with_a_warning(guppy):
    """cargo before 1.81 left features of renamed dependencies out of the JSON (cargo#14365)."""
    token = guppy.token()
    more = '[dependencies.alias]\npackage = "real"\nversion = "1"\nfeatures = ["f"]\nregistry-index = "%s"\n' % guppy.index
    answer = raw.publish(guppy.url, token, "stripped", "1.0.0", more=more, deps=[raw.dep("real", explicit_name_in_toml="alias")])
    assert answer.status == 200 and answer.json()["warnings"]["other"], answer
    assert dependency(raw.entry(guppy.url, "stripped", "1.0.0"), "alias") == {
        "name": "alias", "package": "real", "req": "^1", "features": ["f"], "optional": False,
        "default_features": True, "target": None, "kind": "normal"}  # fmt: skip


def test_artifact_dependencies_are_index_version_3(guppy):
    more = '[dependencies.tool]\nversion = "1"\nartifact = ["bin"]\ntarget = "x86_64-unknown-linux-gnu"\nregistry-index = "%s"\n' % guppy.index
    deps = [raw.dep("tool", artifact=["bin"], bindep_target="x86_64-unknown-linux-gnu")]
    assert raw.publish(guppy.url, guppy.token(), "bindeps", "1.0.0", more=more, deps=deps).status == 200
    entry = raw.entry(guppy.url, "bindeps", "1.0.0")
    assert entry["v"] == 3
    assert entry["deps"][0]["artifact"] == ["bin"] and entry["deps"][0]["bindep_target"] == "x86_64-unknown-linux-gnu"


def test_the_archive_that_comes_back_is_the_one_that_went_in(guppy, new_cargo):
    cargo = new_cargo(guppy.url, guppy.token())
    package = cargo.package("bytes", files={"data.bin": os.urandom(300_000)})
    cargo.publish(package)
    # Its place changed between cargos (below target/package), its bytes did not.
    packed = {path.read_bytes() for path in package.rglob("target/package/**/bytes-0.1.0.crate")}
    assert packed == {raw.download(guppy.url, "bytes", "0.1.0").body}
