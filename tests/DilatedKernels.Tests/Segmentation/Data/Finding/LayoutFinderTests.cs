using DilatedKernels.Segmentation.Data.Finding;

namespace DilatedKernels.Tests.Segmentation.Data.Finding;

public class LayoutFinderTests
{
    [TestCase("photos/{name}", "labels/{name}_mask", "", "photos/a.jpg photos/b.jpg", "labels/a_mask.png labels/b_mask.png")]
    [TestCase("photos/{name}", "labels/{name}L", "", "photos/01.jpg photos/02.jpg", "labels/01L.png labels/02L.png")]
    [TestCase("photos/{name}", "photos/labels/{name}_label", "", "photos/a.jpg photos/b.jpg", "photos/labels/a_label.png photos/labels/b_label.png")]
    [TestCase("img/img_{name}", "gt/mask_{name}", "", "img/img_1.jpg img/img_2.jpg", "gt/mask_1.png gt/mask_2.png")]
    [TestCase("images/{split}/{name}", "masks/{split}/{name}", "train=train val=val", "images/train/a.png images/val/b.png", "masks/train/a.png masks/val/b.png")]
    [TestCase("{split}/img/{name}", "{split}/gt/{name}", "test=testing train=training val=validation", "training/img/a.jpg validation/img/b.jpg testing/img/c.jpg", "training/gt/a.png validation/gt/b.png testing/gt/c.png")]
    [TestCase("{split}_images/{name}", "{split}_masks/{name}", "train=train val=valid", "train_images/a.jpg valid_images/b.jpg", "train_masks/a.png valid_masks/b.png")]
    [TestCase("images/{split}/{name}", "masks/{split}/{name}", "train=train", "images/train/a.jpg images/train/b.jpg", "masks/train/a.png masks/train/b.png")]
    [TestCase("{name}.jpg", "{name}.png", "", "a.jpg b.jpg", "a.png b.png")]
    [TestCase("all/{name}", "all/{name}_L", "", "all/a.png all/b.png", "all/a_L.png all/b_L.png")]
    [TestCase("{split}/{name}_sat.jpg", "{split}/{name}_mask.png", "train=train val=val", "train/1_sat.jpg train/2_sat.jpg val/3_sat.jpg val/4_sat.jpg", "train/1_mask.png train/2_mask.png val/3_mask.png val/4_mask.png")]
    [TestCase("left/{split}/{name}_left", "gt/{split}/{name}_gt_ids", "train=train val=val",
        "left/train/aachen/a1_left.png left/train/bonn/b1_left.png left/val/ulm/u1_left.png", "gt/train/aachen/a1_gt_ids.png gt/train/bonn/b1_gt_ids.png gt/val/ulm/u1_gt_ids.png")]
    public void ImagesAndMasksAreFoundByTheirNames(string images, string masks, string splits, string photos, string labels)
    {
        using FoundFolder folder = new();
        folder.Photos(photos.Split(' ')).Masks(labels.Split(' '));
        FoundLayout found = LayoutFinder.Find(folder.Root)[0];
        Assert.That((found.Images, found.Masks, Text(found.Splits)), Is.EqualTo((images, masks, splits)));
        Assert.That((found.ImageCount, found.PairCount, found.Lists), Is.EqualTo((photos.Split(' ').Length, photos.Split(' ').Length, (string?)null)));
    }

    [TestCase("a\nb\n", "c\n")]
    [TestCase("a.jpg\nb.jpg\n", "c.jpg\n")]
    [TestCase("/home/me/data/photos/a.jpg /home/me/data/labels/a.png\n/home/me/data/photos/b.jpg x\n", "photos/c.jpg labels/c.png\n")]
    public void ListsOfNamesAreSplits(string train, string validation)
    {
        using FoundFolder folder = new();
        folder.Photos("photos/a.jpg", "photos/b.jpg", "photos/c.jpg").Masks("labels/a.png", "labels/b.png", "labels/c.png");
        folder.Folder.Write("lists/train.txt", train);
        folder.Folder.Write("lists/val.txt", validation);
        folder.Folder.Write("lists/train-notes.txt", "nothing of the kind\n");
        FoundLayout found = LayoutFinder.Find(folder.Root)[0];
        Assert.That((found.Lists, Text(found.Splits), found.NeedsValidation), Is.EqualTo(("lists/{split}.txt", "train=train val=val", false)));
    }

    [Test]
    public void OfSeveralKindsOfMasksTheOthersAreFoundToo()
    {
        using FoundFolder folder = new();
        folder.Photos("photos/a.jpg", "photos/b.jpg").Masks("gt/a_color.png", "gt/b_color.png", "gt/a_ids.png", "gt/b_ids.png").Photos("depth/a.png", "depth/b.png");
        IReadOnlyList<FoundLayout> found = LayoutFinder.Find(folder.Root);
        Assert.That(found.Take(2).Select(layout => (layout.Images, layout.Masks)), Is.EqualTo(new[] { ("photos/{name}", "gt/{name}_ids"), ("photos/{name}", "gt/{name}_color") }));
        Assert.That(found.Skip(2).Select(layout => layout.Images), Is.All.EqualTo("depth/{name}"));
    }

    [Test]
    public void DrawnImagesAreToldFromMasksByTheNames()
    {
        using FoundFolder folder = new();
        folder.Masks("drawn/a.png", "drawn/b.png", "masks/a.png", "masks/b.png");
        FoundLayout found = LayoutFinder.Find(folder.Root)[0];
        Assert.That((found.Images, found.Masks), Is.EqualTo(("drawn/{name}", "masks/{name}")));
    }

    [Test]
    public void PhotographsAloneAreNoDataset()
    {
        using FoundFolder folder = new();
        folder.Photos("one/a.png", "two/a.png", "three/a.jpg");
        Assert.That(LayoutFinder.Find(folder.Root), Is.Empty);
        Assert.That(LayoutFinder.Describe(folder.Root), Does.Contain("one/ (0 JPEG, 1 PNG), three/ (1 JPEG, 0 PNG), two/ (0 JPEG, 1 PNG)"));
    }

    private static string Text(IReadOnlyDictionary<string, string>? splits) =>
        splits is null ? "" : string.Join(' ', splits.OrderBy(split => split.Key, StringComparer.Ordinal).Select(split => $"{split.Key}={split.Value}"));
}
