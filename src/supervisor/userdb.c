/* Only a name's numbers are wanted, so the text is walked line by line and the first well formed
 * line of that name counts, as getpwnam(3) does it. The fields behind the numbers may be missing:
 * hand-written files of small images end there. */
#include "supervisor/userdb.h"

#include "base/num.h"
#include "supervisor/slurp.h"

#define FILE_MAX (4u << 20)

/* (uid_t)-1 means "leave it as it is" to setresuid(2), so it can be nobody's number. */
static bool number(struct str s, uint32_t *ret)
{
    return num_parse_u32(s, ret) && *ret != UINT32_MAX;
}

bool userdb_find_user(struct str passwd, struct str name, struct user_entry *ret)
{
    while (passwd.n) {
        struct str line = str_cut(&passwd, '\n');
        uint32_t uid, gid;
        if (name.n == 0 || !str_eq(str_cut(&line, ':'), name))
            continue;
        (void)str_cut(&line, ':'); /* the password */
        if (number(str_cut(&line, ':'), &uid) && number(str_cut(&line, ':'), &gid)) {
            *ret = (struct user_entry){ uid, gid };
            return true;
        }
    }
    return false;
}

bool userdb_find_group(struct str group, struct str name, gid_t *ret)
{
    while (group.n) {
        struct str line = str_cut(&group, '\n');
        uint32_t gid;
        if (name.n == 0 || !str_eq(str_cut(&line, ':'), name))
            continue;
        (void)str_cut(&line, ':'); /* the password */
        if (number(str_cut(&line, ':'), &gid)) {
            *ret = gid;
            return true;
        }
    }
    return false;
}

/* A line that the bound cuts through is not looked at: half a number is a wrong number. */
static int load(const char *file, struct buf *out, struct err *e)
{
    bool more;
    struct err why = ERR_INIT;
    if (slurp_file(file, out, &more, &why) < 0)
        return err_set(e, why.kind, "cannot read %s: %s", file, why.text);
    size_t end = str_rfind(buf_str(out), '\n');
    if (more)
        out->n = end == STR_NPOS ? 0 : end;
    return 0;
}

int userdb_user(const char *passwd_file, struct str name, struct user_entry *ret, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(FILE_MAX);
    if (load(passwd_file, &text, e) < 0)
        return -1;
    return userdb_find_user(buf_str(&text), name, ret);
}

int userdb_group(const char *group_file, struct str name, gid_t *ret, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(FILE_MAX);
    if (load(group_file, &text, e) < 0)
        return -1;
    return userdb_find_group(buf_str(&text), name, ret);
}
