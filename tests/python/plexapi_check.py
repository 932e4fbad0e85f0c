"""Drives the sample server with the real Plex client of Python (plexapi 4.18.3).

Usage: plexapi_check.py URL TOKEN
"""

import sys
import warnings

import plexapi
from plexapi.exceptions import NotFound, Unauthorized
from plexapi.server import PlexServer

PASSED = 0


def check(truth, what):
    global PASSED
    assert truth, what
    PASSED += 1


def sections(plex):
    by_title = {section.title: section for section in plex.library.sections()}
    kinds = {title: section.type for title, section in by_title.items()}
    check(
        kinds
        == {
            "Movies": "movie",
            "TV Shows": "show",
            "Music": "artist",
            "Photos": "photo",
            "Unsorted Films": "movie",
        },
        kinds,
    )
    check(by_title["Movies"].totalSize == 2500, "films are counted")
    check(by_title["Unsorted Films"].totalSize == 0, "the empty section is empty")
    check(by_title["Unsorted Films"].all() == [], "and lists nothing")
    check(by_title["Movies"].agent == "tv.plex.agents.movie", "agent")
    check(by_title["Movies"].locations == ["/data/Movies"], "location")
    check(by_title["Movies"].uuid and by_title["Movies"].updatedAt, "uuid and date")
    return by_title


def movies(plex, section):
    everything = section.all(container_size=500)
    check(len(everything) == 2500, len(everything))
    check(len({movie.ratingKey for movie in everything}) == 2500, "all distinct")
    check(all(movie.TYPE == "movie" for movie in everything), "all films")

    middle = everything[1234]
    found = section.search(title=middle.title)
    check(middle.ratingKey in {movie.ratingKey for movie in found}, "found by title")
    hits = plex.search(middle.title, limit=50)
    check(middle.ratingKey in {hit.ratingKey for hit in hits}, "found in the hubs")

    titles = [movie.titleSort for movie in section.search(sort="titleSort:asc", maxresults=200)]
    check(len(titles) == 200, "limited")
    check([t.lower() for t in titles] == sorted(t.lower() for t in titles), "sorted by title")
    newest = section.search(sort="addedAt:desc", maxresults=3)
    check(newest[0].ratingKey == everything[-1].ratingKey, "newest first")

    unwatched = section.search(unwatched=True)
    check(0 < len(unwatched) < 2500, len(unwatched))
    check(not any(movie.viewCount for movie in unwatched), "unwatched means unwatched")
    drama = section.search(genre="Drama")
    check(0 < len(drama) < 2500, "by genre")
    check(all("Drama" in {genre.tag for genre in movie.genres} for movie in drama[:50]), "and only those")
    year = middle.year or 2000
    check(all(movie.year == year for movie in section.search(year=year)), "by year")
    check(section.getGuid(middle.guid).guid == middle.guid, "by guid")
    check("genre" in {field.filter for field in section.listFilters()}, "filters are told")
    check("addedAt" in {sort.key for sort in section.listSorts()}, "sorts are told")

    detail = plex.fetchItem(middle.ratingKey).reload()
    check(detail.title == middle.title, "same title")
    check(detail.isFullObject(), "a whole item")
    part = detail.media[0].parts[0]
    check(part.file.startswith("/data/Movies/") and part.size > 0, "a file")
    check(len(part.videoStreams()) == 1 and len(part.audioStreams()) == 2, "streams")
    check(len(part.subtitleStreams()) == 1, "subtitles")
    check({guid.id.split(":")[0] for guid in detail.guids} == {"imdb", "tmdb", "tvdb"}, "external ids")
    check(len(detail.roles) >= 3 and all(role.role for role in detail.roles), "roles")
    check(detail.directors and detail.writers and detail.countries, "people")
    check(detail.chapters and detail.markers, "chapters and markers")
    check(len(detail.ratings) in (0, 3), "ratings")
    check(any(len(movie.media) == 2 for movie in everything), "some have two versions")
    check(any(movie.editionTitle for movie in everything), "some are editions")
    check(any(movie.year is None for movie in everything), "some have no year")

    several = plex.fetchItems([movie.ratingKey for movie in everything[10:13]])
    check([movie.ratingKey for movie in several] == [movie.ratingKey for movie in everything[10:13]], "several keys")

    collections = section.collections()
    check(len(collections) > 1, "collections")
    members = collections[0].items()
    check(members and len(members) == collections[0].childCount, "members of a collection")

    try:
        plex.fetchItem(999)
    except NotFound:
        check(True, "")
    else:
        raise AssertionError("an item that is not there was found")
    return everything


def shows(plex, section):
    all_shows = section.all()
    check(len(all_shows) == section.totalSize, "all shows")
    seasons = [season for show in all_shows for season in show.seasons()]
    check(any(season.seasonNumber == 0 for season in seasons), "specials")
    check(len(section.searchSeasons()) == len(seasons), "seasons of a section")
    show = all_shows[0]
    episodes = show.episodes()
    check(len(episodes) == show.leafCount, "episodes of a show")
    check(len(show.seasons()[0].episodes()) == show.seasons()[0].leafCount, "episodes of a season")
    episode = plex.fetchItem(episodes[0].ratingKey)
    check(episode.grandparentTitle == show.title, "knows its show")
    check(episode.seasonEpisode == "s00e01", episode.seasonEpisode)
    check(episode.media[0].parts[0].streams, "has streams")
    check(episode.guids and episode.writers, "has ids and writers")
    check(show.isWatched, "the first show is watched")
    second = all_shows[1]
    check(0 < second.viewedLeafCount < second.leafCount, "the second is half watched")
    check(any(episode.viewOffset for episode in second.episodes()), "with an episode in progress")
    hubs = plex.search(episode.title, mediatype="episode", limit=20)
    check(hubs and hubs[0].grandparentTitle and hubs[0].librarySectionID == section.key, "an episode among the hits")

    third = all_shows[2]
    third.markWatched()
    third.reload()
    check(third.viewedLeafCount == third.leafCount, "a whole show can be marked")
    third.markUnwatched()
    third.reload()
    check(third.viewedLeafCount == 0, "and unmarked")


def music_and_photos(plex, music, photos):
    artist = music.all()[1]
    albums = artist.albums()
    tracks = [track for album in albums for track in album.tracks()]
    check(tracks and len(artist.tracks()) == len(tracks), "tracks")
    track = plex.fetchItem(tracks[0].ratingKey)
    check(track.grandparentTitle == artist.title, "knows its artist")
    check(track.media[0].parts[0].audioStreams()[0].codec == "flac", "audio")
    check(len(music.searchTracks()) > len(tracks), "tracks of the section")

    album = photos.all()[0]
    check(album.photos(), "photos")
    check(len(album.clips()) == 1, "a clip among them")
    check(album.photos()[0].media[0].container == "jpeg", "a photo's file")


def changes(plex, section, movie):
    rows = plex.history(maxresults=50)
    check(len(rows) == 50, len(rows))
    check(all(a.viewedAt >= b.viewedAt for a, b in zip(rows, rows[1:])), "newest first")
    check(all(row.accountID and row.deviceID for row in rows), "who and where")
    names = {account.id: account.name for account in plex.systemAccounts()}
    check(all(row.accountID in names for row in rows), "accounts are known")
    check(plex.systemDevices(), "devices")

    movie.markUnwatched()
    movie.reload()
    check(not movie.isWatched, "unwatched")
    movie.markWatched()
    movie.reload()
    check(movie.isWatched and movie.viewCount == 1 and not movie.viewOffset, "watched")
    check(plex.history(maxresults=1)[0].ratingKey == movie.ratingKey, "a row of history")
    check(movie.history()[0].ratingKey == movie.ratingKey, "also in its own history")
    movie.updateProgress(120_000)
    movie.reload()
    check(movie.viewOffset == 120_000, "in progress")
    movie.markUnwatched()
    movie.reload()
    check(not movie.isWatched and not movie.viewOffset and not movie.lastViewedAt, "unwatched again")

    movie.rate(7.5)
    movie.reload()
    check(movie.userRating == 7.5, "rated")
    movie.editTitle("A Title & <Another>").reload()
    check(movie.title == "A Title & <Another>", movie.title)
    check({field.name for field in movie.fields if field.locked} == {"title"}, "locked")
    check(section.search(title="A Title & <")[0].ratingKey == movie.ratingKey, "found by its new title")
    before = {genre.tag for genre in movie.genres}
    movie.addGenre("Puppetry").reload()
    check({genre.tag for genre in movie.genres} == before | {"Puppetry"}, "a genre more")
    movie.removeGenre("Puppetry").reload()
    check({genre.tag for genre in movie.genres} == before, "and less")


def playlists(plex, section, movies):
    names = [playlist.title for playlist in plex.playlists()]
    check(names[:3] == ["Rainy Evenings", "Unplayed Films", "Kitchen Radio"], names)
    smart = plex.playlist("Unplayed Films")
    check(smart.smart and len(smart.items()) == smart.leafCount > 100, "a smart playlist")
    made = plex.createPlaylist("Made Here", items=movies[:3])
    check([item.ratingKey for item in made.items()] == [item.ratingKey for item in movies[:3]], "made")
    made.addItems(movies[5:7])
    made.reload()
    check(made.leafCount == 5 and len(made.items()) == 5, "added to")
    made.moveItem(made.items()[4]).reload()
    check(made.items()[0].ratingKey == movies[6].ratingKey, "moved")
    made.removeItems(made.items()[1:2]).reload()
    check(len(made.items()) == 4, "removed from")
    made.editTitle("Renamed").reload()
    check(made.title == "Renamed", "renamed")
    new = plex.createPlaylist("Dramas", section=section, smart=True, filters={"genre": "Drama"})
    check(all("Drama" in {genre.tag for genre in item.genres} for item in new.items()[:20]), "smart, made")
    for playlist in (made, new):
        playlist.delete()
    check([playlist.title for playlist in plex.playlists()] == names, "deleted")

    session = plex.sessions()[0]
    check(session.usernames == ["Peregrine"] and session.player.state == "playing", "a session")


def main():
    url, token = sys.argv[1:]
    warnings.simplefilter("error", DeprecationWarning)
    check(plexapi.VERSION == "4.18.3", plexapi.VERSION)
    try:
        PlexServer(url, "wrong")
    except Unauthorized:
        check(True, "")
    else:
        raise AssertionError("a wrong token was accepted")
    plex = PlexServer(url, token)
    check(plex.machineIdentifier == plex.identity().machineIdentifier, "identity")
    check(plex.friendlyName and plex.version and plex.myPlex, "server")
    by_title = sections(plex)
    everything = movies(plex, by_title["Movies"])
    shows(plex, by_title["TV Shows"])
    music_and_photos(plex, by_title["Music"], by_title["Photos"])
    playlists(plex, by_title["Movies"], everything)
    changes(plex, by_title["Movies"], everything[100])
    print(f"plexapi: {PASSED} checks passed")


if __name__ == "__main__":
    main()
