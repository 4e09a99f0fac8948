/* Open addressing with linear probing, at most three quarters full. A removal moves the entries
 * behind it back instead of leaving a mark, so that a map of steady size never decays. */
#include "base/map.h"

#include "base/digest.h"
#include "base/mem.h"

#include <string.h>

#define MAP_FIRST 16

struct map_entry {
    void *value;
    size_t n;
    char key[];
};

struct map_slot {
    uint64_t hash;
    struct map_entry *entry; /* NULL: free */
};

struct map {
    struct map_slot *slots;
    size_t n_slots; /* a power of two, or 0 before the first put */
    size_t count;
    uint8_t seed[16];
};

static uint64_t rotl(uint64_t v, int by)
{
    return v << by | v >> (64 - by);
}

static uint64_t get_le64(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] = rotl(v[2], 32);
}

/* One round a word, three at the end: what Rust's and Python's own tables use. */
uint64_t siphash13(const uint8_t key[16], struct str s)
{
    uint64_t k0 = get_le64(key, 8), k1 = get_le64(key + 8, 8);
    uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
        k1 ^ 0x7465646279746573 };
    const uint8_t *p = (const uint8_t *)s.p;
    size_t left = s.n;
    for (; left >= 8; left -= 8, p += 8) {
        uint64_t m = get_le64(p, 8);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    uint64_t last = (uint64_t)s.n << 56 | get_le64(p, left);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void)
{
    struct map *m = MEM_NEW(struct map);
    random_bytes(m->seed, sizeof(m->seed));
    return m;
}

void map_free(struct map *m, void (*free_value)(void *))
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n_slots; i++) {
        struct map_entry *entry = m->slots[i].entry;
        if (entry && free_value)
            free_value(entry->value);
        free(entry);
    }
    free(m->slots);
    free(m);
}

size_t map_count(const struct map *m)
{
    return m->count;
}

/* The slot that holds key, or the free one where it belongs. There is always a free one. */
static struct map_slot *find_slot(const struct map *m, uint64_t hash, struct str key)
{
    for (size_t i = hash & (m->n_slots - 1);; i = (i + 1) & (m->n_slots - 1)) {
        struct map_slot *slot = &m->slots[i];
        if (!slot->entry)
            return slot;
        if (slot->hash == hash && str_eq(key, (struct str){ slot->entry->key, slot->entry->n }))
            return slot;
    }
}

static struct map_slot *find_key(const struct map *m, struct str key)
{
    if (m->count == 0)
        return NULL;
    struct map_slot *slot = find_slot(m, siphash13(m->seed, key), key);
    return slot->entry ? slot : NULL;
}

void *map_get(const struct map *m, struct str key)
{
    struct map_slot *slot = find_key(m, key);
    return slot ? slot->entry->value : NULL;
}

static void make_room(struct map *m)
{
    if (m->n_slots && m->count + 1 <= m->n_slots / 4 * 3)
        return;
    struct map_slot *old = m->slots;
    size_t n_old = m->n_slots;
    m->n_slots = n_old ? n_old * 2 : MAP_FIRST;
    m->slots = mem_array(m->n_slots, sizeof(*m->slots));
    for (size_t i = 0; i < n_old; i++) {
        if (!old[i].entry)
            continue;
        size_t to = old[i].hash & (m->n_slots - 1);
        while (m->slots[to].entry)
            to = (to + 1) & (m->n_slots - 1);
        m->slots[to] = old[i];
    }
    free(old);
}

void *map_put(struct map *m, struct str key, void *value)
{
    make_room(m);
    uint64_t hash = siphash13(m->seed, key);
    struct map_slot *slot = find_slot(m, hash, key);
    if (slot->entry) {
        void *replaced = slot->entry->value;
        slot->entry->value = value;
        return replaced;
    }
    struct map_entry *entry = mem_alloc(sizeof(*entry) + key.n);
    entry->value = value;
    entry->n = key.n;
    if (key.n)
        memcpy(entry->key, key.p, key.n);
    *slot = (struct map_slot){ hash, entry };
    m->count++;
    return NULL;
}

void *map_remove(struct map *m, struct str key)
{
    struct map_slot *slot = find_key(m, key);
    if (!slot)
        return NULL;
    void *value = slot->entry->value;
    free(slot->entry);
    m->count--;
    /* An entry may move into the hole unless its own place lies behind the hole. */
    size_t mask = m->n_slots - 1, hole = (size_t)(slot - m->slots);
    for (size_t i = (hole + 1) & mask; m->slots[i].entry; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){ 0, NULL };
    return value;
}
